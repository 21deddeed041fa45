"""The errors of enrichment: what a model or a model file did wrong. None stops an item from being read.

EnrichError
├── ModelRefused     the GGUF is truncated, of an unknown architecture or too large: not worth a retry
├── ModelFailed      one text came to no usable answer in time: retried later
└── ModelAway        the model process died or does not answer: asked again later
"""

from __future__ import annotations

from policy.errors import StrongroomError


class EnrichError(StrongroomError):
    """Base of everything that goes wrong in this room."""


class ModelRefused(EnrichError):
    """A model file that cannot be used, told before or while loading it."""


class ModelFailed(EnrichError):
    """One generation did not come to a usable end."""

    retryable = True


class ModelAway(EnrichError):
    """The process that runs the model is not there; other texts would fare no better now."""

    retryable = True

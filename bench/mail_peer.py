"""The pipeline that one would write oneself for mail, to measure against: `email` for each message, its whole
body cut into windows that the model takes without loss, `SentenceTransformer.encode` as it comes, a flat
FAISS index; in one process, nothing encrypted or confined. `python -m bench.mail_peer FOLDER` runs it and
prints what it took as JSON.
"""

from __future__ import annotations

import argparse
import email
import email.policy
import json
import os
import re
import resource
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench.peers import model_folder

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")

_MARKUP = re.compile(r"(?s)<(script|style).*?</\1>|<[^>]*>")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    import faiss
    from sentence_transformers import SentenceTransformer

    model: Any = SentenceTransformer(str(model_folder()))
    model.encode(["warm"])
    began, cpu = time.perf_counter(), time.process_time()
    files = sorted(path for path in arguments.folder.iterdir() if path.is_file())
    texts = [body(path.read_bytes()) for path in files]
    passages = [window for text in texts for window in windows(model, text)]
    index = faiss.IndexFlatIP(model.get_embedding_dimension())
    if passages:
        index.add(model.encode(passages, normalize_embeddings=True))
    took = {
        "mails": len(files),
        "seconds": time.perf_counter() - began,
        "cpu_s": time.process_time() - cpu,
        "passages": len(passages),
        "chars": sum(map(len, texts)),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(took))


def body(content: bytes) -> str:
    """The text of a message, as the standard library finds it."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    try:
        part = message.get_body(("plain", "html"))
        text = str(part.get_content()) if part is not None else ""
    except (LookupError, ValueError, AttributeError, KeyError):
        return content.decode("utf-8", "replace")
    return _MARKUP.sub(" ", text) if part is not None and part.get_content_subtype() == "html" else text


def windows(model: Any, text: str) -> Iterator[str]:
    """A text in stretches of as many tokens as the model takes."""
    room = model.max_seq_length - 2  # the two marks that it sets around each
    encoded = model.tokenizer(text, truncation=False, add_special_tokens=False, return_offsets_mapping=True)
    offsets: Sequence[tuple[int, int]] = encoded["offset_mapping"]
    for start in range(0, len(offsets), room):
        some = offsets[start : start + room]
        yield text[some[0][0] : some[-1][1]]


if __name__ == "__main__":
    main()

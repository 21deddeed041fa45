"""The one place that chooses concrete classes and puts them together."""

from __future__ import annotations

import socket
from pathlib import Path

from appliance import api
from appliance.guard import GuardClient
from appliance.operations import Operations
from appliance.report import Reporter
from appliance.service import Service, Stage
from appliance.settings import Settings
from enrich.reader import BuiltinReader
from enrich.refresh import EnrichStage
from enrich.schema import Vocabulary
from index.refresh import Refresher
from index.search import Searcher
from ingest.intake import Intake
from ingest.parse import ParseStage
from ingest.sandbox.pool import Pool
from ingest.sources.drop_folder import FolderSource
from policy.limits import Limits
from store.vault import Vault

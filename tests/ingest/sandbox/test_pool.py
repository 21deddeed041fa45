"""The pool against workers that a document has taken over: each is classified, and the next one is read."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from ingest.errors import PageNotDrawn, ParserCrash, ParserError, ParserLied, ParserTimeout, PoolDown
from ingest.sandbox.control import Ended
from ingest.sandbox.handle import verdict
from ingest.sandbox.messages import Job
from ingest.sandbox.pool import Picture, Pool
from policy.errors import ConfinementError
from policy.limits import MIB, Limits
from tests.support.parsing import memfd, read, text_of

EVIL = "tests.support.evil_worker"
LIMITS = Limits(
    parse_wall_s=60.0,
    parse_memory=600 * MIB,
    child_bytes=1 * MIB,
)

SHORT = Limits(parse_wall_s=0.3, parse_wall_more_s=0.1, parse_wall_most_s=2.0)

Start = Callable[..., Pool]


@pytest.fixture
def start() -> Iterator[Start]:
    """Pools of the evil worker, closed at the end."""
    pools: list[Pool] = []

    def started(size: int = 1, limits: Limits = LIMITS) -> Pool:
        pools.append(Pool(size, limits, module=EVIL))
        pools[-1].start()
        return pools[-1]

    yield started
    for pool in pools:
        pool.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Pool]:
    """One pool that must survive everything that a test does with it."""
    pool = Pool(1, LIMITS, module=EVIL)
    pool.start()
    yield pool
    assert text_of(read(pool, "the last document")) == "the last document"
    pool.close()


@pytest.mark.parametrize(
    ("deed", "error", "says"),
    [
        ("segfault", ParserCrash, "SIGSEGV"),
        ("abort", ParserCrash, "SIG"),
        ("leave 3", ParserCrash, "code 3"),
        ("leave 0", ParserLied, "without an answer"),
        ("leave 78", ParserCrash, "code 78"),
        ("flood", ParserLied, "protocol"),
        ("long_frame", ParserLied, "protocol"),
        ("short_frame", ParserLied, "protocol"),
        ("not_msgpack", ParserLied, "protocol"),
        ("wrong_schema", ParserLied, "protocol"),
        ("too_many", ParserLied, "protocol"),
        ("send_descriptors", ParserLied, "protocol"),
        ("answer_twice", ParserLied, "protocol"),
    ],
)
def test_a_failure_is_classified_and_the_next_document_is_read(
    shared: Pool, deed: str, error: type[ParserError], says: str
) -> None:
    with pytest.raises(error, match=says) as caught:
        read(shared, deed)
    assert caught.value.retryable
    assert text_of(read(shared, "the next document")) == "the next document"


def test_the_clock_ends_what_does_not_answer(start: Start) -> None:
    pool = start(limits=SHORT)
    for deed in ("sleep", "drip"):
        with pytest.raises(ParserTimeout, match=r"within 0\.3 s"):
            read(pool, deed)
        assert text_of(read(pool, "the next document")) == "the next document"


def test_progress_is_told_and_earns_time_up_to_an_end(start: Start) -> None:
    pool = start(limits=SHORT)
    told: list[tuple[int, int | None]] = []
    reply = read(pool, "progress 6 0.2 3", tell=lambda done, total: told.append((done, total)))
    assert text_of(reply) == "done"  # after 1.2 s
    assert told == [(3 * number, 18) for number in range(1, 7)]
    with pytest.raises(ParserTimeout, match=r"within 2 s"):
        read(pool, "progress 100 0.2 3")
    with pytest.raises(ParserTimeout, match=r"within 0\.3 s"):
        read(pool, "progress 100 0.2 0")
    assert text_of(read(pool, "the next document")) == "the next document"


def test_progress_is_shown(start: Start) -> None:
    pool = start()
    seen: list[tuple[int, int | None]] = []

    def look(_done: int, _total: int | None) -> None:
        [_, worker] = pool.workers()
        seen.append((worker.done, worker.total))

    read(pool, "progress 3 0.05 2", tell=look)
    assert seen == [(2, 6), (4, 6), (6, 6)]


@pytest.mark.parametrize("deed", ["progress 3 0 -1", "progress 1000 0 1", "progress 1 0 1e13"])
def test_a_progress_that_cannot_be_is_a_lie(shared: Pool, deed: str) -> None:
    with pytest.raises(ParserLied):
        read(shared, deed)
    assert text_of(read(shared, "the next document")) == "the next document"


def test_a_request_for_many_has_no_progress(shared: Pool) -> None:
    with memfd() as children:
        jobs = [Job(name="a", content=text) for text in (b"one", b"progress 3 0.1 1")]
        [one, untold] = shared.read_together(jobs, children)
    assert (text_of(one), untold.reason) == ("one", "PARSER_CRASH")  # it insists on telling


def test_the_patient_let_others_go_first_but_not_for_ever(start: Start) -> None:
    pool = start()
    order: list[str] = []

    def one(text: str, *, patient: bool) -> None:
        read(pool, text, patient=patient)
        order.append(text)

    busy = threading.Thread(target=read, args=(pool, "progress 1 0.5 1"))
    busy.start()
    time.sleep(0.1)
    waiting = [
        threading.Thread(target=one, args=(text,), kwargs={"patient": text == "patient"})
        for text in ("patient", "one", "two", "three")
    ]
    for thread in waiting:
        thread.start()
        time.sleep(0.05)
    for thread in [busy, *waiting]:
        thread.join()
    assert order[-1] == "patient"
    assert sorted(order) == ["one", "patient", "three", "two"]


def test_a_page_is_drawn(shared: Pool) -> None:
    def picture(says: str, page: int = 7) -> Picture:
        with memfd(says.encode()) as document:
            return shared.picture(document, "a.pdf", page, 800)

    assert picture("2 3 18") == Picture(2, 3, bytes((7, 0, 0)) * 6)
    for lie in ("2 3 15", "2 3 21", "0 0 0", "2001 1 6003", "2000 4001 3", "-1 1 3"):
        with pytest.raises(ParserLied):
            picture(lie)
    with pytest.raises(ParserCrash):
        picture("segfault")
    with pytest.raises(PageNotDrawn, match="cannot be shown: drawing it failed with KeyError"):
        picture("raise_it")
    with pytest.raises(ParserLied, match="protocol"):
        picture("answer_twice")
    assert picture("1 1 3").pixels == bytes((7, 0, 0))


def test_the_processor_limit_cannot_be_ignored(start: Start) -> None:
    pool = start(limits=Limits(parse_cpu_s=1))
    assert text_of(read(pool, "more_time")) == "refused"
    with pytest.raises(ParserTimeout, match="processor time"):
        read(pool, "burn")
    assert text_of(read(pool, "the next document")) == "the next document"


def test_memory_ends_at_its_limit_and_the_document_is_told_too_large(shared: Pool) -> None:
    reply = read(shared, "eat")
    assert reply.reason == "TOO_LARGE"
    assert "600 MiB" in str(reply.detail)


@pytest.mark.parametrize("deed", ["sockets", "escape"])
def test_nothing_gets_out(shared: Pool, deed: str) -> None:
    assert text_of(read(shared, deed)) == "through: "


def test_a_reader_that_raises_tells_its_class_and_nothing_of_the_document(shared: Pool) -> None:
    reply = read(shared, "raise_it")
    assert (reply.reason, reply.detail) == ("PARSER_CRASH", "the reader failed with KeyError")
    assert read(shared, "surrogates").reason == "PARSER_CRASH"


def test_what_a_library_prints_goes_nowhere(shared: Pool, capfd: pytest.CaptureFixture[str]) -> None:
    assert text_of(read(shared, "stderr")) == "/dev/null"
    assert "secret" not in capfd.readouterr().err


def test_many_documents_in_one_request_are_answered_in_order(shared: Pool) -> None:
    with memfd() as children:
        jobs = [
            Job(name="a", content=text.encode())
            for text in ("one", "child 22", "raise_it", "child 333", "five")
        ]
        replies = shared.read_together(jobs, children)
        assert os.pread(children, 100, 0) == b"22333"
    assert [text_of(reply) for reply in replies] == ["one", "", "", "", "five"]
    assert [len(reply.children) for reply in replies] == [0, 1, 0, 1, 0]
    assert replies[2].reason == "PARSER_CRASH"


@pytest.mark.parametrize("deed", ["segfault", "leave 0", "wrong_schema", "too_many", "answer_twice"])
def test_a_request_fails_as_a_whole(shared: Pool, deed: str) -> None:
    with memfd() as children, pytest.raises(ParserError):
        shared.read_together(
            [Job(name="a", content=text.encode()) for text in ("one", deed, "three")], children
        )
    assert text_of(read(shared, "the next document")) == "the next document"


def test_a_job_says_nothing_of_its_document() -> None:
    assert "secret" not in repr(Job(name="a", content=b"a secret"))


def test_descriptors_and_children_have_an_end(shared: Pool) -> None:
    assert text_of(read(shared, "many_descriptors")).startswith("EMFILE")
    assert text_of(read(shared, f"fill {LIMITS.child_bytes}")) == "filled"
    assert read(shared, f"fill {LIMITS.child_bytes + 1}").detail == "the reader failed with OSError"


def test_an_answer_behind_which_it_sleeps_is_nobody_elses_concern(start: Start) -> None:
    pool = start(limits=SHORT)
    assert read(pool, "sleep_behind_the_answer").elements == []
    assert text_of(read(pool, "innocent")) == "innocent"


def test_a_worker_that_a_document_has_taken_over_reads_no_other(shared: Pool) -> None:
    assert text_of(read(shared, "haunt")) == "this worker lies from now on"
    for _ in range(3):
        assert text_of(read(shared, "the next document")) == "the next document"
    assert len({text_of(read(shared, "pid")) for _ in range(5)}) == 5


def test_nothing_is_left_of_a_worker_that_has_answered(shared: Pool) -> None:
    worker = int(text_of(read(shared, "pid")))
    assert not os.path.exists(f"/proc/{worker}")
    [zygote] = shared.workers()
    with open(f"/proc/{zygote.pid}/task/{zygote.pid}/children") as children:
        assert children.read() == ""


def test_one_document_at_a_time_and_as_many_as_there_are_workers(start: Start) -> None:
    pool = start(2)
    seen: list[str] = []

    def some() -> None:
        seen.extend(text_of(read(pool, f"document {n}")) for n in range(50))

    threads = [threading.Thread(target=some) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen) == sorted(f"document {n}" for n in range(50) for _ in range(6))
    assert len(pool.workers()) == 1  # none but the zygote


def test_it_shows_its_workers(start: Start) -> None:
    pool = start(2, limits=SHORT)
    assert {"no_new_privs", "seccomp", "no capabilities"} <= set(pool.layers)

    def slow_document() -> None:
        with pytest.raises(ParserTimeout):
            read(pool, "sleep")

    slow = threading.Thread(target=slow_document)
    slow.start()
    time.sleep(0.1)
    zygote, *busy = pool.workers()
    slow.join()
    assert len(busy) == 1
    assert all(w.rss > MIB and w.pid > 0 for w in (zygote, *busy))
    assert [w.busy_since is None for w in (zygote, *busy)] == [True, False]


def test_the_zygote_dies_and_the_pool_lives(start: Start) -> None:
    pool = start(2)
    [zygote] = pool.workers()
    os.kill(zygote.pid, signal.SIGKILL)
    time.sleep(0.1)
    assert text_of(read(pool, "hello")) == "hello"
    assert text_of(read(pool, "hello again")) == "hello again"
    assert [worker.pid for worker in pool.workers()] != [zygote.pid]


def test_a_zygote_that_dies_over_a_document_is_not_the_documents_doing(start: Start) -> None:
    pool = start()
    [zygote] = pool.workers()
    killer = threading.Timer(0.1, os.kill, (zygote.pid, signal.SIGKILL))
    killer.start()
    with pytest.raises(PoolDown) as caught:
        read(pool, "sleep")
    assert caught.value.retryable
    assert text_of(read(pool, "hello")) == "hello"


def test_closing_ends_every_process(start: Start) -> None:
    pool = start(2)
    failed: list[PoolDown] = []

    def cut_off() -> None:
        with pytest.raises(PoolDown) as caught:
            read(pool, "sleep")
        failed.append(caught.value)

    reader = threading.Thread(target=cut_off)
    reader.start()
    time.sleep(0.2)
    pids = [w.pid for w in pool.workers()]
    pool.close()
    reader.join()
    assert len(pids) == 2
    assert len(failed) == 1
    patience = time.monotonic() + 10
    while any(os.path.exists(f"/proc/{pid}") for pid in pids) and time.monotonic() < patience:
        time.sleep(0.01)  # orphans are reaped by somebody else
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)
    with pytest.raises(PoolDown, match="closed"):
        read(pool, "hello")
    with pytest.raises(PoolDown, match="closed"):
        read(pool, "hello")


def test_a_program_that_does_not_come_up_is_one_clear_line() -> None:
    pool = Pool(1, LIMITS, module="tests.support.no_such_worker")
    with pytest.raises(PoolDown, match="did not start"):
        pool.start()
    pool.close()


def test_a_parser_told_of_a_watch_that_is_not_there_refuses_to_start() -> None:
    pool = Pool(1, LIMITS, module=EVIL, watched=True)
    with pytest.raises(ConfinementError) as caught:
        pool.start()
    assert caught.value.exit_code == 78
    pool.close()


def test_a_sigkill_is_the_kernels_only_after_its_time() -> None:
    limits = Limits(parse_cpu_s=60)

    def of(code: int, cpu_s: float, peak: int = 100 * MIB) -> str:
        ended = Ended(code, cpu_s, peak)
        return str(verdict(ended, late=False, alive=False, confined=True, wall_s=1.0, limits=limits))

    assert "processor time" in of(-signal.SIGKILL, 60.0)
    assert "memory" in of(-signal.SIGKILL, 12.0)
    assert "SIGBUS" in of(-signal.SIGBUS, 60.0)
    assert "more memory than is allowed" in of(-signal.SIGABRT, 1.0, limits.parse_memory - 20 * MIB)

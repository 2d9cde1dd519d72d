import msgspec
import pytest

from cutpoint_simulations.trace import Entry, Recorder, Trace, trace_hash

SENT = Entry(at=1.0, process="a", kind="send", message="a>b#1", peer="b", channel="a>b", number=1)
RECEIVED = Entry(at=2.5, process="b", kind="receive", message="a>b#1", peer="a", channel="a>b", number=1)


def _trace(*entries: Entry, verdict: str = "") -> Trace:
    return Trace(title="two", seed=7, unit="s", processes=("a", "b"), entries=entries, verdict=verdict)


def test_equal_traces_have_one_hash_and_any_difference_another() -> None:
    assert trace_hash(_trace(SENT, RECEIVED)) == trace_hash(_trace(SENT, RECEIVED))
    others = (_trace(SENT), _trace(RECEIVED), _trace(SENT, RECEIVED, verdict="lost"), _trace())
    assert len({trace_hash(trace) for trace in (_trace(SENT, RECEIVED), *others)}) == 5


def test_the_hash_is_the_same_on_every_machine() -> None:
    assert trace_hash(_trace(SENT, RECEIVED)) == (
        "sha256:28eff005d505745bcd8613d6931572258f46f453ae614c134e27c6be88b14662"
    )


def test_a_trace_survives_its_own_encoding() -> None:
    trace = _trace(SENT, RECEIVED, verdict="lost")
    assert msgspec.json.decode(msgspec.json.encode(trace), type=Trace) == trace


def test_the_recorder_gives_lines_in_the_order_in_which_processes_appear() -> None:
    recorder = Recorder(title="two", seed=7, unit="s", processes=("a",))
    assert recorder.trace() == Trace(title="two", seed=7, unit="s", processes=("a",), entries=())
    recorder.append(SENT)
    recorder.append(RECEIVED)
    assert len(recorder) == 2
    assert recorder.trace(verdict="lost") == _trace(SENT, RECEIVED, verdict="lost")


def test_a_trace_refuses_what_could_not_be_drawn() -> None:
    with pytest.raises(ValueError, match="time goes back"):
        _trace(RECEIVED, SENT)
    with pytest.raises(ValueError, match="no line for 'c'"):
        _trace(msgspec.structs.replace(SENT, process="c"))
    with pytest.raises(ValueError, match="two lines"):
        Trace(title="two", seed=7, unit="s", processes=("a", "a"), entries=())

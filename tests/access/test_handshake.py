"""Both ends prove that they know a token; what was overheard is worth nothing, and the registry holds too little."""

from __future__ import annotations

import pytest

from cutpoint.access import Token
from cutpoint.access.handshake import AgentSide, Asked, CoordinatorSide, Proof


def _asked(agent: AgentSide) -> Asked:
    asked = Asked.read(agent.header)
    assert asked is not None
    return asked


def test_an_agent_and_a_coordinator_that_know_the_token_believe_each_other() -> None:
    token = Token.generate()
    agent = AgentSide(token)
    coordinator = CoordinatorSide(_asked(agent), token.verifier())
    proof = agent.proof(coordinator.header)
    assert proof is not None
    assert coordinator.proves(proof.encode())
    for sent in (agent.header, coordinator.header, proof.encode()):
        assert token.reveal()[16:59] not in sent


def test_a_coordinator_that_does_not_know_the_token_is_not_believed() -> None:
    token = Token.generate()
    agent = AgentSide(token)
    stranger = CoordinatorSide(_asked(agent), Token.generate().verifier())
    assert agent.proof(stranger.header) is None


def test_an_agent_with_a_wrong_token_is_not_believed() -> None:
    token = Token.generate()
    impostor = AgentSide(Token(token.id, Token.generate().secret))
    coordinator = CoordinatorSide(_asked(impostor), token.verifier())
    assert impostor.proof(coordinator.header) is None
    assert not coordinator.proves('{"proof": ""}')


def test_what_was_overheard_opens_nothing() -> None:
    token = Token.generate()
    agent = AgentSide(token)
    coordinator = CoordinatorSide(_asked(agent), token.verifier())
    proof = agent.proof(coordinator.header)
    assert proof is not None
    again = CoordinatorSide(_asked(agent), token.verifier())
    assert not again.proves(proof.encode()), "a proof counted twice"
    assert AgentSide(token).proof(coordinator.header) is None, "a signature counted twice"


def test_what_the_registry_holds_is_not_enough_to_pass_for_an_agent() -> None:
    """Whoever has read the verifier can compute everything but the client key."""
    token = Token.generate()
    verifier = token.verifier()
    agent = AgentSide(token)
    for stolen in (verifier.stored_key, verifier.server_key):
        coordinator = CoordinatorSide(_asked(agent), verifier)
        forged = AgentSide(Token(token.id, stolen))
        assert forged.proof(coordinator.header) is None
        assert not coordinator.proves(Proof(proof=stolen.hex()).encode())


@pytest.mark.parametrize("header", ["", ",", "abc", "a, b", "ABCDEFGHIJ, " + "a" * 22, "abcdefghij, short", "é" * 30])
def test_a_header_that_no_agent_sends_is_none(header: str) -> None:
    assert Asked.read(header) is None


@pytest.mark.parametrize("answer", ["", ",", "a" * 22, "a" * 22 + ", ", "a" * 22 + ", é", "x, y, z"])
def test_an_answer_that_no_coordinator_sends_is_not_believed(answer: str) -> None:
    assert AgentSide(Token.generate()).proof(answer) is None


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", '{"proof": 1}', '{"proof": "é"}', '{"proof": "AAAA"}', "[" * 10_000, '{"other": ""}'],
)
def test_a_first_message_that_is_no_proof_proves_nothing(text: str) -> None:
    agent = AgentSide(Token.generate())
    assert not CoordinatorSide(_asked(agent), Token.generate().verifier()).proves(text)

"""TLS: agents and operators believe only certificates that were vouched for, and a renewed one is shown at once."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from cutpoint.access import ClientTls, Token
from cutpoint.errors import ConfigurationError, CoordinatorUnreachable
from cutpoint_agents import Agent
from cutpoint_coordinator.access import tls as serving
from cutpoint_coordinator.access.tls import ServerTls
from cutpoint_coordinator.client import CoordinatorClient
from cutpoint_coordinator.service import Service
from tests.coordinator.access.test_agents import running
from tests.coordinator.access.test_scopes import ADMIN
from tests.coordinator.conftest import Serve


class Authority:
    """Whoever makes certificates."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.file = folder / f"{name}.pem"
        self._certificate = self._signed(name, self._key, self._key, authority=True)
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(self, file: str) -> Path:
        """A certificate for localhost and 127.0.0.1, and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        path = self._folder / file
        secret = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        aside = path.with_suffix(".new")
        aside.write_bytes(self._signed(file, key, self._key).public_bytes(serialization.Encoding.PEM) + secret)
        aside.chmod(0o600)
        aside.rename(path)
        return path

    def _signed(
        self, name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey, *, authority: bool = False
    ) -> x509.Certificate:
        now = datetime.datetime(2020, 1, 1)  # noqa: DTZ001
        loopback = x509.IPAddress(__import__("ipaddress").ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, self._name)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now)
            .not_valid_after(now + datetime.timedelta(days=36500))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), loopback]), critical=False)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
            .sign(by, hashes.SHA256())
        )


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "authority")


async def secure(serve: Serve, tls: ServerTls, **settings: object) -> Service:
    """A coordinator behind TLS, and its https address."""
    service = await serve(token=ADMIN, tls=tls, **settings)
    service.url = service.url.replace("http:", "https:")
    return service


async def test_operators_and_agents_reach_a_coordinator_over_tls(serve: Serve, authority: Authority) -> None:
    service = await secure(serve, ServerTls(certificate=str(authority.issue("server.pem"))))
    tls = ClientTls(ca=authority.file)
    async with CoordinatorClient(service.url, token=ADMIN, tls=tls) as client:
        token = Token.parse((await client.create_token("services", "agent")).secret)
        async with running(Agent("ledger", coordinator=service.url, token=token, tls=tls)):
            assert (await client.cut()).state == "published"


async def test_a_certificate_that_nobody_vouches_for_is_not_believed(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    service = await secure(serve, ServerTls(certificate=str(authority.issue("server.pem"))))
    stranger = ClientTls(ca=Authority(tmp_path, "stranger").file)
    for tls in (ClientTls(), stranger):
        async with CoordinatorClient(service.url, token=ADMIN, tls=tls) as client:
            with pytest.raises(CoordinatorUnreachable, match="certificate"):
                await client.topology()


async def test_who_shows_no_certificate_is_not_let_in_where_one_is_asked_for(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    asked = ServerTls(certificate=str(authority.issue("server.pem")), client_ca=str(authority.file))
    service = await secure(serve, asked)
    stranger = Authority(tmp_path, "stranger")
    for shown, good in ((None, False), (stranger.issue("other.pem"), False), (authority.issue("client.pem"), True)):
        tls = ClientTls(ca=authority.file, certificate=shown)
        async with CoordinatorClient(service.url, token=ADMIN, tls=tls) as client:
            if good:
                await client.topology()
            else:
                with pytest.raises(CoordinatorUnreachable):
                    await client.topology()


def test_old_versions_of_tls_are_refused_by_both_ends(authority: Authority) -> None:
    file = authority.issue("server.pem")
    for context in (ServerTls(certificate=str(file)).context(), ClientTls(ca=authority.file).context()):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2


async def test_a_renewed_certificate_is_shown_without_a_restart_and_a_broken_one_is_not(
    serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "LOOK_SECONDS", 0.02)
    file = authority.issue("server.pem")
    service = await secure(serve, ServerTls(certificate=str(file)))
    first = await _shown(service, authority)
    file.write_text("rubbish")
    async with asyncio.timeout(20):
        while "certificate unusable" not in [notice.kind for notice in service.notices.latest()]:
            await asyncio.sleep(0.02)
    assert await _shown(service, authority) == first
    authority.issue("server.pem")
    async with asyncio.timeout(20):
        while await _shown(service, authority) == first:
            await asyncio.sleep(0.02)


async def _shown(service: Service, authority: Authority) -> bytes | None:
    context = ssl.create_default_context(cafile=authority.file)
    port = int(service.url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    connection: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    return connection.getpeercert(binary_form=True)


async def test_files_that_cannot_be_meant_are_refused_at_the_start(authority: Authority, tmp_path: Path) -> None:
    good = authority.issue("server.pem")
    rubbish = tmp_path / "rubbish.pem"
    rubbish.write_text("rubbish")
    rubbish.chmod(0o600)
    readable = authority.issue("readable.pem")
    readable.chmod(0o644)
    for tls in (
        ServerTls(certificate=str(rubbish)),
        ServerTls(certificate=str(tmp_path / "missing.pem")),
        ServerTls(certificate=str(authority.file)),
        ServerTls(certificate=str(readable)),
        ServerTls(certificate=str(good), client_ca=str(rubbish)),
        ClientTls(ca=rubbish),
        ClientTls(ca=authority.file, certificate=rubbish),
        ClientTls(key=good),
    ):
        with pytest.raises(ConfigurationError, match="nothing was started"):
            tls.context()


def test_a_token_is_not_sent_where_it_could_be_overheard() -> None:
    with pytest.raises(ConfigurationError, match="without TLS, and the token could be read on the way"):
        CoordinatorClient("http://coordinator.example:7420", token=ADMIN)
    for url in ("https://coordinator.example:7420", "http://127.0.0.1:7420", "http://[::1]:7420", "localhost:7420"):
        CoordinatorClient(url, token=ADMIN)
    CoordinatorClient("http://coordinator.example:7420", token=ADMIN, plain_http=True)
    CoordinatorClient("http://coordinator.example:7420")

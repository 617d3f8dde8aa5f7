"""What the shop talks to, on the loopback address: a server that hangs, one that fails, one nobody trusts."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class _Unavailable(BaseHTTPRequestHandler):
    """Answers every request with 503."""

    def do_GET(self) -> None:
        body = b'{"error": "rates are down for maintenance"}'
        self.send_response(503)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the terminal belongs to the demo."""


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that refuses our certificate hangs up: that is what it is for."""


class Peers:
    """Starts them on entering, stops them on leaving."""

    def __init__(self) -> None:
        self._silent = socket.create_server(("127.0.0.1", 0))
        self._failing = _QuietServer(("127.0.0.1", 0), _Unavailable)
        self._untrusted = _QuietServer(("127.0.0.1", 0), _Unavailable)
        self._untrusted.socket = _self_signed().wrap_socket(self._untrusted.socket, server_side=True)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.closed_port: int = probe.getsockname()[1]

    @property
    def silent_url(self) -> str:
        return f"http://127.0.0.1:{self._silent.getsockname()[1]}"

    @property
    def failing_url(self) -> str:
        return f"http://127.0.0.1:{self._failing.server_port}"

    @property
    def self_signed_url(self) -> str:
        return f"https://127.0.0.1:{self._untrusted.server_port}"

    def __enter__(self) -> Peers:
        for server in (self._failing, self._untrusted):
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in (self._failing, self._untrusted):
            server.shutdown()
            server.server_close()
        self._silent.close()


def _self_signed() -> ssl.SSLContext:
    """A certificate that only its maker trusts, good for one day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "supplier.example.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "both.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context.load_cert_chain(file)
    return context

"""https and wss, for clients that take no other address."""

from __future__ import annotations

from ssl import PROTOCOL_TLS_SERVER, SSLContext, SSLError

from .config import ConfigError, TlsConfig


def tls_context(files: TlsConfig) -> SSLContext:
    """The server's side of TLS. Raises ConfigError where the files do not give one."""
    context = SSLContext(PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, SSLError) as error:
        missing = isinstance(error, FileNotFoundError | PermissionError)
        why = error.strerror if missing else "no PEM certificate with its key"
        raise ConfigError(
            f"--tls-cert {files.certificate}: {why}; a key in a file of its own is named by --tls-key"
        ) from error
    return context

"""A web configuration with its certificates, and an exporter that uses it."""

import contextlib
import ssl

import bcrypt
import trustme

from harness import configuration, exporting, simulated

from exporter.simulator import serve
from exporter.web.config import CurrentWebConfiguration


PASSWORD = "canary-web-password"
DIGEST = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"


class Files:
    """A folder with a web configuration, certificates and keys."""

    def __init__(self, folder):
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.cert_pem.write_to_path(folder / "ca.pem")
        self.issue("server", "127.0.0.1")

    def issue(self, name, *identities, authority=None, **more):
        """Write a certificate and its key."""
        issued = (authority or self.authority).issue_cert(*identities, **more)
        chain = b"".join(pem.bytes() for pem in issued.cert_chain_pems)
        (self.folder / f"{name}.pem").write_bytes(chain)
        (self.folder / f"{name}.key").write_bytes(issued.private_key_pem.bytes())

    def write(self, text):
        """Write the web configuration, and return its path."""
        file = self.folder / "web.yml"
        file.write_text(text)
        return str(file)

    def context(self, client=None):
        """Return a TLS context that trusts the authority."""
        context = ssl.create_default_context(cafile=self.folder / "ca.pem")
        if client is not None:
            context.load_cert_chain(
                self.folder / f"{client}.pem", self.folder / f"{client}.key"
            )
        return context


@contextlib.asynccontextmanager
async def guarded(files, text, client=None):
    """Run an exporter with a web configuration."""
    web = CurrentWebConfiguration(files.write(text))
    async with (
        serve(simulated("a")) as url,
        exporting(
            configuration(simulated("a"), url),
            web=web,
            verify=files.context(client) if web.has_tls else False,
        ) as exporter,
    ):
        yield exporter

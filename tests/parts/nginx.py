"""nginx as it stands before a collector: HTTPS on a loopback port."""

from __future__ import annotations

from pathlib import Path

from parts import Part, free_port, need

_CONFIG = """\
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log info;
events {{}}
http {{
    access_log {folder}/nginx.log;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {certificate};
        ssl_certificate_key {key};
        location / {{
            proxy_pass http://127.0.0.1:{behind};
            proxy_set_header Host $http_host;
            proxy_set_header X-Forwarded-For $remote_addr;
        }}
    }}
}}
"""


class Nginx(Part):
    """A proxy that speaks TLS.

    Args:
        folder: for its configuration and log.
        behind: the port of the server behind it.
        certificate: PEM, the server's.
        key: PEM, its key.
    """

    def __init__(self, folder: Path, behind: int, certificate: Path, key: Path) -> None:
        port = free_port()
        config = folder / "nginx.conf"
        text = _CONFIG.format(folder=folder, port=port, behind=behind, certificate=certificate, key=key)
        config.write_text(text)
        super().__init__([need("nginx"), "-c", str(config)], port, folder / "nginx.out")
        self.url = f"https://127.0.0.1:{port}"

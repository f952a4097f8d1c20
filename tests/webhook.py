"""A receiver of Alertmanager's notifications."""

import contextlib
import http.server
import json
import threading

from dataclasses import dataclass, field


@dataclass
class Webhook:
    """The notifications from Alertmanager, by alert and project."""

    alerts: dict = field(default_factory=dict)

    def take(self, body):
        """Record a notification."""
        for alert in json.loads(body)["alerts"]:
            labels = alert["labels"]
            key = (labels["alertname"], labels.get("project"))
            self.alerts.setdefault(key, []).append(alert)

    def firing(self, name, project=None):
        """Return the alert if it is firing."""
        alerts = self.alerts.get((name, project), [])
        return alerts[-1] if alerts and alerts[-1]["status"] == "firing" else None

    def resolved(self, name, project=None):
        """Return the alert if it is resolved."""
        alerts = self.alerts.get((name, project), [])
        return alerts[-1] if alerts and alerts[-1]["status"] == "resolved" else None


@contextlib.contextmanager
def running_webhook():
    """Listen for notifications; yields them, and the URL."""
    webhook = Webhook()

    class Handler(http.server.BaseHTTPRequestHandler):
        """Receives notifications."""

        def do_POST(self):
            """Record a notification."""
            webhook.take(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            """Log nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield webhook, f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

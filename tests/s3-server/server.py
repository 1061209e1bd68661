"""An S3 server of its own for a test: SeaweedFS in one process, on free ports of loopback, over a temporary folder.

    server.py WEED [--tls CERTIFICATE KEY]

Says its address on standard output when it serves, with one bucket, "attachments", and two access keys: "gateway" may
do everything, "reader" may only read; the secret of both stands below. Then it obeys the lines of standard input: "kill"
kills the server, "start" starts it again where it was. When standard input ends, because the test has ended or was
killed, server and folder are gone.
"""

import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SECRET = "bi-mat-cua-thu-nghiem"
PORTS = ["master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3", "s3_grpc", "s3_tls"]
START_SECONDS_MAX = 60


def identity(name, actions):
    return {"name": name, "credentials": [{"accessKey": name, "secretKey": SECRET}], "actions": actions}


class Server:
    def __init__(self, weed, tls):
        self.weed, self.tls = str(pathlib.Path(weed).resolve()), tls
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="s3-server-"))
        # All at once, so that they differ. Somebody else may still be given one in between: then this one fails to start.
        sockets = [socket.socket() for _ in PORTS]
        for it in sockets:
            it.bind(("127.0.0.1", 0))
        self.ports = {name: it.getsockname()[1] for name, it in zip(PORTS, sockets)}
        for it in sockets:
            it.close()
        identities = [
            identity("gateway", ["Admin", "Read", "List", "Tagging", "Write"]),
            identity("reader", ["Read", "List"]),
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": identities}))
        self.process = None

    def start(self):
        port = self.ports
        flags = [
            "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-volume.max=0", "-master.volumeSizeLimitMB=64",
            # It would tell its maker that it runs.
            "-master.telemetry=false", "-master.peers=none",
            f"-master.port={port['master']}", f"-master.port.grpc={port['master_grpc']}",
            f"-volume.port={port['volume']}", f"-volume.port.grpc={port['volume_grpc']}", "-volume.preStopSeconds=0",
            "-filer", f"-filer.port={port['filer']}", f"-filer.port.grpc={port['filer_grpc']}",
            f"-filer.localSocket={self.folder}/filer.sock",
            "-s3", f"-s3.port={port['s3']}", f"-s3.port.grpc={port['s3_grpc']}", "-s3.config=s3.json", "-s3.iam=false",
            "-s3.autoCreateBucket=false", "-s3.port.iceberg=0", "-s3.port.lance=0",
            f"-s3.localSocket={self.folder}/s3.sock",
        ]  # fmt: skip
        if self.tls:
            certificate, key = self.tls
            flags += [f"-s3.port.https={port['s3_tls']}", f"-s3.cert.file={certificate}", f"-s3.key.file={key}"]
        log = (self.folder / "log").open("ab")
        self.process = subprocess.Popen(
            [self.weed, "-logtostderr=true", "server", *flags],
            # It looks for its configuration in the home folder.
            env={"HOME": str(self.folder)}, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
        self.await_bucket()

    def await_bucket(self):
        """A bucket is a folder of the filer."""
        bucket = f"http://127.0.0.1:{self.ports['filer']}/buckets/attachments/"
        scheme, port = ("https", self.ports["s3_tls"]) if self.tls else ("http", self.ports["s3"])
        end = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < end and self.process.poll() is None:
            try:
                make(bucket)
                # Everything below the bucket is ready too when a content can be written.
                ask("PUT", bucket + "first", b"first")
                ask("DELETE", bucket + "first")
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                self.address = f"{scheme}://127.0.0.1:{port}"
                return
            except OSError:
                time.sleep(0.05)
        sys.stderr.write("".join((self.folder / "log").open().readlines()[-20:]))
        raise SystemExit("the S3 server did not start")

    def kill(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ["master", "volume", "filer", "s3"]:
            pathlib.Path(f"/tmp/seaweedfs-{name}-grpc-{self.ports[name + '_grpc']}.sock").unlink(missing_ok=True)


def make(folder):
    """Makes a folder of the filer that may be there."""
    try:
        ask("POST", folder)
    except urllib.error.HTTPError as error:
        if error.code != 409:
            raise


def ask(method, address, body=None):
    urllib.request.urlopen(urllib.request.Request(address, data=body, method=method), timeout=5).close()


def main():
    weed, tls = sys.argv[1], sys.argv[3:5]
    server = Server(weed, tls)
    try:
        server.start()
        print(server.address, flush=True)
        for line in sys.stdin:
            order = line.strip()
            {"kill": server.kill, "start": server.start}[order]()
            print(order, flush=True)
    finally:
        server.kill()
        server.remove()


if __name__ == "__main__":
    main()

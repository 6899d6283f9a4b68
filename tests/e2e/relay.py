#!/usr/bin/env python3
"""relay.py - what may stand between an agent and its API server, for test_access.sh, and before a Unix socket.

    relay.py KIND PORT-FILE LOG [--to HOST:PORT|/SOCKET] [--cert FILE --key FILE] [--client-ca FILE]

KIND: connect (an HTTP proxy), socks5 (a SOCKS5 proxy), front (ends TLS and passes the bytes on to --to), mute (takes connections and
says nothing).
With --cert it speaks TLS itself; with --client-ca it asks for a client certificate. Each connection is a line in LOG: what was
asked for, the header lines of a CONNECT, or the client certificate's name. All end with the process.
"""
import argparse
import socket
import ssl
import sys
import threading


def pump(a, b):
    try:
        while True:
            data = a.recv(65536)
            if not data:
                break
            b.sendall(data)
    except OSError:
        pass
    for s in (a, b):
        try:
            s.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass


def join(client, host, port):
    if host.startswith("/"):
        server = socket.socket(socket.AF_UNIX)
        server.connect(host)
    else:
        server = socket.create_connection((host, port))
    threading.Thread(target=pump, args=(client, server), daemon=True).start()
    pump(server, client)


def until(sock, end):
    data = b""
    while not data.endswith(end):
        byte = sock.recv(1)
        if not byte:
            raise OSError("closed")
        data += byte
    return data


def exactly(sock, n):
    data = b""
    while len(data) < n:
        more = sock.recv(n - len(data))
        if not more:
            raise OSError("closed")
        data += more
    return data


def address(args, host, port):
    """Names that only the proxy knows lead to --to."""
    return args.to if args.to and host.endswith(".invalid") else (host, port)


def connect(client, args, log):
    head = until(client, b"\r\n\r\n").decode("latin-1")
    log(head.replace("\r\n", " | "))
    target = head.split()[1]
    host, port = target.rsplit(":", 1)
    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
    join(client, *address(args, host.strip("[]"), int(port)))


def socks5(client, args, log):
    _, methods = exactly(client, 2)
    exactly(client, methods)
    client.sendall(b"\x05\x00")
    _, _, _, kind = exactly(client, 4)
    if kind == 3:
        host = exactly(client, exactly(client, 1)[0]).decode()
    else:
        host = socket.inet_ntoa(exactly(client, 4))
    port = int.from_bytes(exactly(client, 2), "big")
    log(f"socks5 kind {kind} {host}:{port}")
    client.sendall(b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00")
    join(client, *address(args, host, port))


def front(client, args, log):
    names = [v for part in (getattr(client, "getpeercert", dict)() or {}).get("subject", ()) for k, v in part if k == "commonName"]
    log(f"front client {names[0] if names else 'nobody'}")
    join(client, *args.to)


def mute(client, args, log):
    log("mute")
    while client.recv(65536):
        pass


def serve(client, args, context, log):
    try:
        if context:
            client = context.wrap_socket(client, server_side=True)
        {"connect": connect, "socks5": socks5, "front": front, "mute": mute}[args.kind](client, args, log)
    except (OSError, ValueError, IndexError) as error:
        log(f"failed: {error}")
        client.close()


def main():
    p = argparse.ArgumentParser()
    p.add_argument("kind", choices=["connect", "socks5", "front", "mute"])
    p.add_argument("port_file")
    p.add_argument("log")
    p.add_argument("--to", type=lambda t: (t, 0) if t.startswith("/") else (t.rsplit(":", 1)[0], int(t.rsplit(":", 1)[1])))
    p.add_argument("--cert")
    p.add_argument("--key")
    p.add_argument("--client-ca")
    args = p.parse_args()
    context = None
    if args.cert:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(args.cert, args.key)
        if args.client_ca:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(args.client_ca)
    lines = open(args.log, "a", buffering=1)
    listener = socket.create_server(("127.0.0.1", 0))
    with open(args.port_file, "w") as f:
        f.write(str(listener.getsockname()[1]))
    while True:
        client, _ = listener.accept()
        threading.Thread(target=serve, args=(client, args, context, lambda text: print(text, file=lines)), daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())

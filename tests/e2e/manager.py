#!/usr/bin/env python3
"""A service manager of our own, as far as tarnd knows one: it hears sd_notify, keeps descriptors (FDSTORE, FDSTOREREMOVE, FDNAME)
and passes them to the next process it starts (LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES), as systemd does.

    manager.py FOLDER PROGRAM ARGUMENTS...

FOLDER/pid holds the running process's id and is removed when it ends; the next one is started when FOLDER/go is there (and removes it).
FOLDER/kept lists the names of what is kept, FOLDER/said every message. SIGTERM ends it and what it started.
"""
import array
import os
import select
import signal
import socket
import sys

FDSTORE_MAX = 8

folder, command = sys.argv[1], sys.argv[2:]
kept = []  # (name, descriptor)


def path(name):
    return os.path.join(folder, name)


def put(name, text):
    with open(path(name + ".new"), "w") as f:
        f.write(text)
    os.rename(path(name + ".new"), path(name))


def same(a, b):
    x, y = os.fstat(a), os.fstat(b)
    return (x.st_dev, x.st_ino) == (y.st_dev, y.st_ino)


def note_kept():
    put("kept", "".join(name + "\n" for name, _ in kept))


def keep(name, fds):
    for fd in fds:
        if len(kept) >= FDSTORE_MAX or any(same(fd, old) for _, old in kept):
            os.close(fd)
        else:
            kept.append((name, fd))
    note_kept()


def drop(name):
    for entry in [e for e in kept if e[0] == name]:
        os.close(entry[1])
        kept.remove(entry)
    note_kept()


def hear(sock):
    text, control, _, _ = sock.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
    fds = array.array("i")
    for level, kind, data in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    with open(path("said"), "a") as f:
        f.write(text.decode() + "\n")
    fields = dict(line.split("=", 1) for line in text.decode().splitlines() if "=" in line)
    name = fields.get("FDNAME", "stored")
    if fields.get("FDSTORE") == "1":
        keep(name, list(fds))
    else:
        for fd in fds:
            os.close(fd)
    if fields.get("FDSTOREREMOVE") == "1":
        drop(name)


def start():
    pid = os.fork()
    if pid:
        put("pid", "%d\n" % pid)
        return pid
    high = [os.dup2(fd, 200 + i) for i, (_, fd) in enumerate(kept)]  # out of the way first
    for i, fd in enumerate(high):
        os.dup2(fd, 3 + i, inheritable=True)
    os.closerange(3 + len(kept), 300)
    env = dict(os.environ, NOTIFY_SOCKET=path("notify"))
    if kept:
        env.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=":".join(n for n, _ in kept))
    log = os.open(path("log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.execve(command[0], command, env)


def main():
    running = 0

    def end(*_):
        if running:
            os.kill(running, signal.SIGTERM)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path("notify"))
    note_kept()
    running = start()
    while True:
        if select.select([sock], [], [], 0.01)[0]:
            hear(sock)
        if running and os.waitpid(running, os.WNOHANG)[0]:
            running = 0
            os.unlink(path("pid"))
        if not running and os.path.exists(path("go")):
            os.unlink(path("go"))
            running = start()


main()

"""A seccomp agent: seccompAgent.py SOCKET [NAME=ERRNO]...

Takes one container process state from the socket and writes it to the standard output as a line of
JSON, with the number of descriptors that came with it. Then it answers what the filter notifies of:
a call whose number is given gets that errno, all others go on. It ends with the filter's last process,
and a line of the numbers that it was asked about.
"""
import array
import fcntl
import json
import socket
import struct
import sys

SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100
SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101
SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1

answers = {int(number): int(errno) for number, errno in (each.split("=") for each in sys.argv[2:])}
listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listening.bind(sys.argv[1])
listening.listen(1)
connection, _ = listening.accept()
text, descriptors = b"", array.array("i")
while True:
    data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(64))
    for _, _, rights in ancillary:
        descriptors.frombytes(rights)
    if not data:
        break
    text += data
print(json.dumps({"state": json.loads(text), "descriptors": len(descriptors)}), flush=True)
asked = []
while True:
    notification = bytearray(80)
    try:
        fcntl.ioctl(descriptors[0], SECCOMP_IOCTL_NOTIF_RECV, notification)
    except FileNotFoundError:
        break
    identity, _, _, number = struct.unpack_from("QIIi", notification)
    asked.append(number)
    flags = 0 if number in answers else SECCOMP_USER_NOTIF_FLAG_CONTINUE
    answer = struct.pack("QqiI", identity, 0, -answers.get(number, 0), flags)
    try:
        fcntl.ioctl(descriptors[0], SECCOMP_IOCTL_NOTIF_SEND, answer)
    except FileNotFoundError:
        pass
print(json.dumps(asked), flush=True)

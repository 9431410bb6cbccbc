"""Takes a process's descriptor: pidfdReceiver.py SOCKET

Writes what came over the socket as a line of JSON: the text, how many descriptors with it, and the pid that the first of
them stands for. A number on the standard input is a signal that then goes to the process through the descriptor.
"""
import array
import json
import signal
import socket
import sys

listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listening.bind(sys.argv[1])
listening.listen(1)
connection, _ = listening.accept()
text, ancillary, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(64))
descriptors = array.array("i")
for _, _, rights in ancillary:
    descriptors.frombytes(rights)
with open(f"/proc/self/fdinfo/{descriptors[0]}") as lines:
    facts = dict(line.split(":", 1) for line in lines)
received = {"text": text.decode(), "descriptors": len(descriptors), "pid": int(facts["Pid"])}
print(json.dumps(received), flush=True)
for line in sys.stdin:
    signal.pidfd_send_signal(descriptors[0], int(line))

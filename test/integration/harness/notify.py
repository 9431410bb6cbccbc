"""The two ends of sd_notify(3), which Node cannot be: it has no datagram sockets of the unix family.

  notify.py manager ADDRESS COUNT          a service manager's end: prints the messages that come, each as one line of
                                           Python's repr, and answers a barrier; ends after COUNT of them
  notify.py say FOLDER UID MESSAGE...      sends messages to FOLDER/notify.sock as that user
"""
import array
import os
import socket
import sys


def manager(address, count):
    name = "\0" + address[1:] if address.startswith("@") else address
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(name)
        print("listening", flush=True)
        for _ in range(int(count)):
            message, ancillary, _, _ = listener.recvmsg(4096, socket.CMSG_SPACE(4))
            print(repr(message.decode()), len(ancillary), flush=True)
            for _, _, data in ancillary:
                for descriptor in array.array("i", data):
                    os.close(descriptor)


def say(folder, uid, *messages):
    os.chdir(folder)
    os.setgid(int(uid))
    os.setuid(int(uid))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as speaker:
        for message in messages:
            speaker.sendto(message.encode(), "notify.sock")


{"manager": manager, "say": say}[sys.argv[1]](*sys.argv[2:])

"""A criu that answers every request alike: criu.py swrk FD. Its folder has `answer`, in hexadecimal digits."""
import os
import socket
import sys

answer = bytes.fromhex(open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "answer")).read())
connection = socket.socket(fileno=int(sys.argv[2]))
while connection.recv(65536):
    connection.send(answer)

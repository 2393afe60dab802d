"""The program in the pods of a benchmark: it takes one connection, echoes, and ends. It loads little, to start quickly.

POD_IP and PORT say where it listens; the port that it got is the one line that it prints.
"""

import os
import socket

with socket.create_server((os.environ["POD_IP"], int(os.environ["PORT"]))) as server:
    print(server.getsockname()[1], flush=True)
    client, _ = server.accept()
client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
while data := client.recv(65536):
    client.sendall(data)

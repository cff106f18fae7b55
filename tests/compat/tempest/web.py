"""Serves a folder on a free port of loopback and says which."""
import functools
import http.server
import sys

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1]))
print("port %d" % server.server_port, flush=True)
server.serve_forever()

"""A TLS front before a plain server: `tls_front.py CERTIFICATE KEY HOST:PORT`.

Prints its port on 127.0.0.1 when ready.
"""

import asyncio
import ssl
import sys


async def pass_on(reader, writer):
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main():
    certificate, key, target = sys.argv[1:]
    host, port = target.rsplit(":", 1)

    async def serve(reader, writer):
        their_reader, their_writer = await asyncio.open_connection(host, port)
        await asyncio.gather(pass_on(reader, their_writer), pass_on(their_reader, writer))

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())

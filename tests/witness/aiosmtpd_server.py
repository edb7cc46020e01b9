"""A mail server on a free port: prints the port, then the key of each mail before it says that it took it."""

import asyncio
import sys

from aiosmtpd.smtp import SMTP

PAUSE = float(sys.argv[1])


class Witness:
    async def handle_DATA(self, server, session, envelope):
        lines = envelope.content.decode("utf-8", "replace").splitlines()
        ids = [line.split("<")[1].split("@")[0] for line in lines if line.startswith("Message-ID: <")]
        await asyncio.sleep(PAUSE)
        print(ids[0], flush=True)
        return "250 taken"


async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Witness(), hostname="witness"), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())

"""A receiver of webhooks that costs little: `/ms/200/…` answers after 200 ms, `/never/…` not at all."""

import asyncio
import re
import sys

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
NEVER_S = 3600


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        if head.startswith("POST /never"):
            # Until the sender gives up.
            await asyncio.wait_for(reader.read(), NEVER_S)
        else:
            if wait := re.match(r"POST /ms/(\d+)", head):
                await asyncio.sleep(int(wait[1]) / 1000)
            writer.write(ANSWER)
            await writer.drain()
    except (OSError, asyncio.IncompleteReadError, TimeoutError):
        pass
    finally:
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(answer, "127.0.0.1", port, backlog=512)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))

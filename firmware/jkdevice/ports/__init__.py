"""Lines a bus can hang on: poll(now), read() -> n bytes of buf, write(buf, n, now), close()."""

"""How shares are said to readers."""


def percent_of(share: float) -> str:
    """As 99.98%; never rounded up to a whole that it was not."""
    return "100%" if share == 1 else f"{int(share * 10_000) / 100:.2f}%"

"""Made sessions: valid rows with a relation that a model can learn. No real data is needed."""

import csv
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa

HEADER = [
    *("Administrative", "Administrative_Duration", "Informational", "Informational_Duration"),
    *("ProductRelated", "ProductRelated_Duration", "BounceRates", "ExitRates", "PageValues", "SpecialDay", "Month"),
    *("OperatingSystems", "Browser", "Region", "TrafficType", "VisitorType", "Weekend", "Revenue"),
]
_VISITORS = ("Returning_Visitor", "New_Visitor", "Other")


def made_rows(n: int, month: str, seed: int) -> Iterator[dict[str, object]]:
    """`n` rows of a month. Whoever looks at valuable pages, stays and does not bounce, buys: about one in six."""
    random = np.random.default_rng([seed, sum(map(ord, month))])
    for _ in range(n):
        intent = random.normal()
        pages = 1 + int(random.poisson(20 * np.exp(0.4 * intent)))
        value = round(float(random.gamma(2, 12)), 4) if random.random() < 1 / (1 + np.exp(1.6 - 1.8 * intent)) else 0
        bounce = round(float(np.clip(random.beta(1, 30) - 0.01 * intent, 0, 0.2)), 6)
        yield {
            "Administrative": (administrative := int(random.poisson(2))),
            "Administrative_Duration": round(administrative * float(random.gamma(2, 20)), 3),
            "Informational": (informational := int(random.poisson(0.5))),
            "Informational_Duration": round(informational * float(random.gamma(2, 30)), 3),
            "ProductRelated": pages,
            "ProductRelated_Duration": round(pages * float(random.gamma(2, 20)), 3),
            "BounceRates": bounce,
            "ExitRates": round(min(0.2, bounce + float(random.beta(2, 60))), 6),
            "PageValues": value,
            "SpecialDay": float(random.choice([0, 0, 0, 0, 0.2, 0.6])),
            "Month": month,
            "OperatingSystems": int(random.integers(1, 5)),
            "Browser": int(random.integers(1, 8)),
            "Region": int(random.integers(1, 10)),
            "TrafficType": int(random.integers(1, 12)),
            "VisitorType": str(random.choice(_VISITORS, p=[0.8, 0.17, 0.03])),
            "Weekend": "TRUE" if random.random() < 2 / 7 else "FALSE",
            "Revenue": "TRUE" if random.random() < 1 / (1 + np.exp(3.2 - 1.2 * intent - 0.06 * value)) else "FALSE",
        }


def write_uci_csv(path: Path, rows_per_month: Mapping[str, int], seed: int = 0) -> Path:
    """A file in UCI's format with so many rows of each month; its path."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, HEADER)
        writer.writeheader()
        for month, rows in rows_per_month.items():
            writer.writerows(made_rows(rows, month, seed))
    return path


def landing_rows(day: date, n: int, seed: int = 0) -> pa.Table:
    """`n` sessions of a day as a landing file has them: the attributes as text, `UID` and `SESSION_DATE`."""
    random = np.random.default_rng([seed, day.toordinal()])
    rows = [
        {name.upper(): str(cell) for name, cell in row.items()}
        | {"UID": str(UUID(bytes=random.bytes(16), version=4)), "SESSION_DATE": day.isoformat()}
        for row in made_rows(n, "May", seed)
    ]
    return pa.Table.from_pylist(rows)

"""Makes verl.parquet and codecs.parquet, and what pyarrow reads back from them (*.rows.json).

Run in this folder with pyarrow and numpy. The files that are kept were made with pyarrow 26.0.1.
"""

import datetime
import json

import numpy
import pyarrow as pa
import pyarrow.parquet as pq


def verl():
    """The layout of verl: messages, nested structs, nulls, two row groups."""
    message = pa.struct([("content", pa.string()), ("role", pa.string())])
    schema = pa.schema(
        [
            ("data_source", pa.string()),
            ("prompt", pa.list_(message)),
            ("ability", pa.string()),
            ("reward_model", pa.struct([("ground_truth", pa.string()), ("style", pa.string())])),
            (
                "extra_info",
                pa.struct([("index", pa.int64()), ("split", pa.string()), ("level", pa.int32())]),
            ),
        ]
    )

    def row(index, messages, truth, level):
        return {
            "data_source": "ours/sums",
            "prompt": messages,
            "ability": "math",
            "reward_model": {"ground_truth": truth, "style": "rule"},
            "extra_info": {"index": index, "split": "train", "level": level},
        }

    user = lambda text: {"role": "user", "content": text}
    system = {"role": "system", "content": "Be brief."}
    rows = [
        row(0, [user("What is 1 + 1?")], "2", 1),
        row(1, [system, user("What is 2 + 3?\nÜbrigens: ≤")], "5", None),
        row(2, [user("What is 40 + 2?")], "42", 3),
    ]
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, "verl.parquet", compression="snappy", row_group_size=2)
    return pq.read_table("verl.parquet").to_pylist()


def codecs():
    """A compression for each column, and numbers of several widths."""
    columns = {
        "prompt": (pa.large_string(), ["one?", "two?", "three?"], "snappy"),
        "answer": (pa.int64(), [1, None, -3], "zstd"),
        "response": (pa.string(), ["It is 1.", "", None], "gzip"),
        "level": (pa.float32(), [0.1, 2.0, None], "brotli"),
        "weight": (pa.float64(), [0.1, 1e-7, 3.0], "lz4"),
        "small": (pa.uint8(), [0, 200, 255], "none"),
        "large": (pa.uint64(), [0, 2**64 - 1, None], "none"),
        "checked": (pa.bool_(), [True, False, None], "none"),
        "tags": (pa.list_(pa.string()), [["a", None], [], None], "none"),
        "kind": (pa.dictionary(pa.int32(), pa.string()), ["x", "y", "x"], "zstd"),
        "raw": (pa.binary(), [b"text", b"", None], "none"),
        "map": (pa.map_(pa.string(), pa.int32()), [[("a", 1)], [], None], "none"),
        "made": (pa.timestamp("ms"), [datetime.datetime(1970, 1, 2)] * 3, "none"),
    }
    table = pa.table({name: pa.array(v, type=t) for name, (t, v, _) in columns.items()})
    compression = {name: codec for name, (_, _, codec) in columns.items()}
    # Lists, maps and their like are named by their leaves.
    for leaf, name in {"tags.list.element": "tags", "map.key_value.key": "map", "map.key_value.value": "map"}.items():
        compression[leaf] = compression.pop(name, "none")
    pq.write_table(table, "codecs.parquet", compression=compression)
    rows = pq.read_table("codecs.parquet").to_pylist()
    for row in rows:
        if row["level"] is not None:
            row["level"] = float(str(numpy.float32(row["level"])))
        row["raw"] = None if row["raw"] is None else row["raw"].decode()
        row["map"] = None if row["map"] is None else dict(row["map"])
        row["made"] = int((row["made"] - datetime.datetime(1970, 1, 1)).total_seconds() * 1000)
    return rows


for name, rows in [("verl", verl()), ("codecs", codecs())]:
    with open(f"{name}.rows.json", "w") as file:
        json.dump(rows, file, indent=1, ensure_ascii=False)
        file.write("\n")

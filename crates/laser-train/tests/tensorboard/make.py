"""Makes golden.tfevents with TensorBoard's own record writer and message types.

    pip install tensorboard==2.21.0 && python make.py
"""

from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter


def summary(*scalars):
    return Summary(value=[Summary.Value(tag=tag, simple_value=x) for tag, x in scalars])


events = [
    Event(wall_time=1700000000.25, file_version="brain.Event:2"),
    Event(wall_time=1700000000.25, session_log=SessionLog(status=SessionLog.START)),
    Event(wall_time=1700000000.25, step=1,
          summary=summary(("policy/entropy", 0.125), ("rollout/truncated", 0.0))),
    Event(wall_time=1700000001.5, step=300,
          summary=summary(("policy/entropy", 1e-3), ("self_reward/logp_correct", -14.987654))),
    Event(wall_time=1700000001.5, step=300, summary=summary(("test/accuracy", 0.6))),
]
with open(Path(__file__).with_name("golden.tfevents"), "wb") as file:
    writer = RecordWriter(file)
    for event in events:
        writer.write(event.SerializeToString(deterministic=True))
    writer.flush()

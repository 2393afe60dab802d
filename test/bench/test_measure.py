"""What a report is made of is what it says."""

import os
import subprocess
import sys

from bench import measure


def test_a_percentile_is_one_of_the_values() -> None:
    values = [5.0, 1.0, 4.0, 2.0, 3.0]
    assert [measure.percentile(values, at) for at in (0, 50, 99, 100)] == [1.0, 3.0, 5.0, 5.0]


def test_the_processor_time_of_a_process_only_grows() -> None:
    before = measure.cpu_ns(os.getpid())
    sum(range(10_000_000))  # several ticks: a kernel may count no finer
    assert measure.cpu_ns(os.getpid()) > before > 0


def test_descendants_count_only_where_they_are_to() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in measure.process_tree(os.getpid())
        alone = measure.cpu_ns(os.getpid(), descendants=False)
        assert measure.cpu_ns(os.getpid()) >= alone > 0
        child.communicate(b"\n")


def test_a_table_has_the_medians_and_their_ratios() -> None:
    table = measure.ratio_table("speed", "1/s", {"ours": [1.0, 30.0, 20.0], "theirs": [10.0]}, baseline="theirs")
    _, _, ours, theirs = table.splitlines()
    assert ours.split() == ["ours", "20", "1..30", "2.00x"]
    assert theirs.split() == ["theirs", "10", "10..10", "1.00x"]

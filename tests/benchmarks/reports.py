"""Reports that were given, not measured: by hand, and by hypothesis."""

from hypothesis import strategies as st

from benchmarks.figures import Column, Figure, LeftOut, Machine, Measurement, Plot, Report, Row, Target

MACHINE = Machine(
    processor="Some CPU",
    cores=4,
    usable=2,
    memory=8 << 30,
    caches={"L1d": 48 << 10, "L3": 32 << 20},
    kernel="Linux 6.1",
    python="3.11.7",
)

TABLE = Measurement(
    name="speed",
    title="How fast",
    about=("First line.", "Second line."),
    labels=("who", "size"),
    columns=(Column(name="rate", unit="Mpps"), Column(name="times ours")),
    rows=(
        Row(
            labels=("us", "64"),
            figures={"rate": Figure(samples=(3.0, 1.0, 2.0)), "times ours": Figure(samples=(1.0,))},
        ),
        Row(labels=("them", "64"), figures={"rate": Figure(samples=(0.5, 0.25, 1234.0))}),
        Row(labels=("us", "1,514"), figures={"rate": Figure(samples=(12.345,))}),
    ),
    targets=(
        Target(labels=("us", "64"), column="rate", at_least=1.5),
        Target(labels=("us", "1,514"), column="rate", at_most=12.0),
        Target(labels=("them", "64"), column="times ours", at_most=2.0),
    ),
    plots=(
        Plot(name="speed-bars", kind="bars", columns=("rate",), ours=("us",), log=True),
        Plot(name="speed-lines", kind="lines", columns=("rate", "times ours"), along="size"),
    ),
    left_out=(LeftOut(what="others", why="not installed"),),
)

REPORT = Report(
    made="2026-01-02",
    machine=MACHINE,
    versions={"this": "1.2", "that": ""},
    pairs=3,
    measurements=(
        TABLE,
        TABLE.model_copy(update={"name": "none", "title": "Nothing", "rows": ()}),
    ),
)

words = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).filter(
    str.strip
)
samples = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    """Return any table; some figures are missing."""
    columns = draw(
        st.lists(st.builds(Column, name=words, unit=words), unique_by=lambda each: each.name, max_size=3)
    )
    labels = tuple(draw(st.lists(words, min_size=1, max_size=3)))
    n_samples = draw(st.integers(1, 4))
    figures = st.builds(Figure, samples=st.lists(samples, min_size=n_samples, max_size=n_samples).map(tuple))
    rows = draw(
        st.lists(
            st.builds(
                Row,
                labels=st.tuples(*[words] * len(labels)),
                figures=st.fixed_dictionaries({}, optional={column.name: figures for column in columns}),
            ),
            max_size=4,
        )
    )
    return Measurement(
        name=draw(words), title=draw(words), labels=labels, columns=tuple(columns), rows=tuple(rows)
    )


def reports() -> st.SearchStrategy[Report]:
    """Return any report."""
    return st.lists(measurements(), max_size=3).map(
        lambda every: REPORT.model_copy(update={"measurements": tuple(every)})
    )

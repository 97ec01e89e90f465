"""Reads the shards of an audit with DuckDB, and counts one of its figures again.

    eyebar audit DATASET --matchers sface --shard 1/4 --out part1     (and 2/4, 3/4, 4/4)
    eyebar audit merge part1 part2 part3 part4 --out merged
    python -m pip install -r requirements.txt
    python check_shards.py merged/results.json part1 part2 part3 part4

The area under the ROC curve of the naive attacker (SFace, oracle alignment) behind each mask, from the
embeddings in SQL: cosines of every masked photograph with every other one without a mask, and the rank sum
of Mann and Whitney. And the rank-1 share of every row from scores.parquet, photograph by photograph. Ends with an
error where one differs by more than CLOSE from results.json.
"""

import json
import sys
from glob import glob

import duckdb

CLOSE = 1e-5
# A photograph is looked for in all draws but those that enrol it, so that means over photographs differ a little from
# means over probes.
CLOSE_MEAN = 0.01


def main():
    results = json.load(open(sys.argv[1]))
    files = [f"{folder}/*.parquet" for folder in sys.argv[2:]]
    roster = json.load(open(glob(f"{sys.argv[2]}/shard-*.json")[0]))
    people = {person["name"] for person in roster["cast"]["people"]}
    base = duckdb.connect()
    base.execute("CREATE TABLE seen AS SELECT DISTINCT ON (photograph, mask) * FROM read_parquet(?) WHERE problem IS NULL", [files])
    base.execute("CREATE TABLE people AS SELECT unnest(?::VARCHAR[]) AS subject", [sorted(people)])
    count = base.execute("SELECT count(DISTINCT photograph), count(DISTINCT mask) FROM seen").fetchone()
    print(f"{count[0]} photographs, {count[1]} ways of showing them")
    area = """
        WITH pairs AS (
            SELECT a.subject = b.subject AS mated,
                   list_cosine_similarity(a.oracle_template, b.oracle_template) AS similarity
            FROM seen a JOIN people USING (subject), seen b JOIN people q ON q.subject = b.subject
            WHERE a.mask = ? AND b.mask = 'none' AND a.photograph <> b.photograph),
        ranked AS (
            SELECT mated, rank() OVER w + (count(*) OVER (PARTITION BY similarity) - 1) / 2.0 AS place
            FROM pairs WINDOW w AS (ORDER BY similarity)),
        sums AS (
            SELECT sum(place) FILTER (mated) AS places, count(*) FILTER (mated) AS m, count(*) FILTER (NOT mated) AS n
            FROM ranked)
        SELECT (places - m * (m + 1) / 2.0) / (m::DOUBLE * n) FROM sums
    """
    worst = 0.0
    for row in results["rows"]:
        if (row["matcher"], row["attacker"], row["alignment"]) == ("sface", "naive", "oracle"):
            found = base.execute(area, [row["mask"]]).fetchone()[0]
            worst = max(worst, abs(found - row["auc"]))
            print(f"{row['mask']:12} DuckDB {found:.6f}  Eyebar {row['auc']:.6f}")
    print(f"largest difference {worst:.1e}")
    scores = sys.argv[1].replace("results.json", "scores.parquet")
    means = base.execute("SELECT matcher, attacker, alignment, mask, avg(first) FROM read_parquet(?) GROUP BY ALL", [scores])
    means = {tuple(row[:4]): row[4] for row in means.fetchall()}
    names = ("matcher", "attacker", "alignment", "mask")
    apart = max(abs(means[tuple(row[name] for name in names)] - row["rank1"]) for row in results["rows"])
    print(f"{len(means)} rows of scores, rank-1 shares differ by at most {apart:.4f}")
    sys.exit(worst > CLOSE or apart > CLOSE_MEAN or len(means) != len(results["rows"]))


if __name__ == "__main__":
    main()

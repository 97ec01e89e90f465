"""Reads the shards of an audit with DuckDB, and counts one of its figures again.

    eyebar audit DATASET --matchers sface --shard 1/4 --out part1     (and 2/4, 3/4, 4/4)
    eyebar audit merge part1 part2 part3 part4 --out merged
    python -m pip install -r requirements.txt
    python check_shards.py merged/results.json part1 part2 part3 part4

The area under the ROC curve of the naive attacker (SFace, oracle alignment) behind each mask, from the
embeddings in SQL: cosines of every masked photograph with every other one without a mask, and the rank sum
of Mann and Whitney. Ends with an error where it differs by more than CLOSE from results.json.
"""

import json
import sys

import duckdb

CLOSE = 1e-5


def main():
    results = json.load(open(sys.argv[1]))
    files = [f"{folder}/*.parquet" for folder in sys.argv[2:]]
    rosters = [json.load(open(f"{folder}/shard.json")) for folder in sys.argv[2:]]
    people = {person["name"] for person in rosters[0]["cast"]["people"]}
    base = duckdb.connect()
    base.execute("CREATE TABLE seen AS SELECT DISTINCT ON (photograph, mask) * FROM read_parquet(?) WHERE face", [files])
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
    sys.exit(worst > CLOSE)


if __name__ == "__main__":
    main()

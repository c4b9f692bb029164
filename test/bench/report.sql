-- A row of the README's table for each figure.  A cost is what a variant takes
-- less what the one without takes, where there is one.
WITH best AS (
	SELECT measure, variant, round, min(ms) AS ms
	FROM bench.timing WHERE round > 0
	GROUP BY measure, variant, round
), cost AS (
	SELECT f.rank, t.variant, percentile_cont(0.5) WITHIN GROUP (ORDER BY t.ms - coalesce(base.ms, 0)) AS ms
	FROM bench.figure f
	JOIN best t USING (measure)
	LEFT JOIN best base ON base.measure = f.measure AND base.variant = f.without
		AND base.round = t.round
	WHERE t.variant IN (f.ours, f.peer)
	GROUP BY f.rank, t.variant
)
SELECT '| Cost of | svc_ownership | peer | | ratio | at most |' AS line
UNION ALL
SELECT '|---|--:|--:|---|--:|--:|'
UNION ALL
SELECT * FROM (
	SELECT format('| %s | %s %s | %s %s | %s | %s | %s |', f.what,
		round((1000 * ours.ms / f.units)::numeric, 3), f.unit,
		round((1000 * peer.ms / f.units)::numeric, 3), f.unit, f.peer_name,
		round((ours.ms / peer.ms)::numeric, 2), f.promise)
	FROM bench.figure f
	JOIN cost ours ON ours.rank = f.rank AND ours.variant = f.ours
	JOIN cost peer ON peer.rank = f.rank AND peer.variant = f.peer
	ORDER BY f.rank
) row;

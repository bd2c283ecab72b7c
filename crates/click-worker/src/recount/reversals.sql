-- The amount that should be counted of each refund and chargeback: no more than what is left of
-- the approved, credited conversions of its order and currency, first for those that came with
-- a secret, then in the order of receipt. One without an amount takes all that is left. One with
-- a secret that names neither a transaction nor a click counts for its amount or the payout.
order_amounts AS (
    SELECT conversion_id, account_id,
           event IN ('refund', 'chargeback') AND authenticated AND NOT names_order AS is_unlimited,
           split_part(dedupe_key, E'\x1f', 1) AS order_key, currency,
           NOT authenticated AS is_limited,
           event IN ('refund', 'chargeback') AS is_reversal,
           CASE
               WHEN attribution = 'none' OR status <> 'approved' THEN 0
               WHEN event IN ('refund', 'chargeback') AND names_order
                   THEN coalesce(revenue, 'Infinity')
               ELSE coalesce(revenue, payout, 0)
           END AS amount
    FROM conversions
    CROSS JOIN LATERAL (SELECT dedupe_key LIKE 't:%' OR dedupe_key LIKE 'c:%') AS o (names_order)
    WHERE account_id IS NOT NULL
),
counted_reversals AS (
    SELECT conversion_id,
           CASE
               WHEN NOT is_unlimited THEN least(total, taken + amount) - least(total, taken)
               ELSE amount
           END AS counted
    FROM (
        SELECT conversion_id, is_reversal, is_unlimited, amount,
               sum(CASE WHEN is_reversal THEN 0 ELSE amount END)
                   OVER (PARTITION BY account_id, order_key, currency) AS total,
               coalesce(sum(amount) FILTER (WHERE is_reversal AND NOT is_unlimited) OVER (
                   PARTITION BY account_id, order_key, currency
                   ORDER BY is_limited, conversion_id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ), 0) AS taken
        FROM order_amounts
    ) AS t
    WHERE is_reversal
)

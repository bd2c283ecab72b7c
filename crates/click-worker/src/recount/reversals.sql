-- The amount that should be counted of each refund and chargeback that came without a secret:
-- no more than what is left of the credited conversions of its transaction and currency, after
-- the refunds and chargebacks that came with a secret and after earlier ones without.
transaction_amounts AS (
    SELECT conversion_id, account_id, txn_id, currency, authenticated,
           event IN ('refund', 'chargeback') AS is_reversal,
           CASE WHEN attribution = 'none' THEN 0 ELSE coalesce(revenue, payout, 0) END AS amount
    FROM conversions
    WHERE account_id IS NOT NULL AND txn_id IS NOT NULL
),
counted_reversals AS (
    SELECT conversion_id, greatest(0, least(amount, total - earlier)) AS counted_amount
    FROM (
        SELECT conversion_id, amount,
               is_reversal AND NOT authenticated AS is_limited,
               sum(CASE WHEN NOT is_reversal THEN amount WHEN authenticated THEN -amount ELSE 0 END)
                   OVER (PARTITION BY account_id, txn_id, currency) AS total,
               coalesce(sum(amount) FILTER (WHERE is_reversal AND NOT authenticated) OVER (
                   PARTITION BY account_id, txn_id, currency
                   ORDER BY conversion_id
                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
               ), 0) AS earlier
        FROM transaction_amounts
    ) AS t
    WHERE is_limited
)

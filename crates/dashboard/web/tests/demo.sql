-- Two weeks of an account's clicks, for the tests and pictures of the dashboard: people by day
-- and night, bots in the minutes after each sending, sales of one click in twenty-five. The
-- totals are then counted by `click-worker recount --repair`. :account has a short domain.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SELECT setseed(0.25) \g /dev/null

DO $$
DECLARE day date;
BEGIN
    FOR day IN SELECT generate_series(current_date - 16, current_date + 1, interval '1 day') LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS clicks_%s PARTITION OF clicks FOR VALUES FROM (%L) TO (%L)',
                       to_char(day, 'YYYYMMDD'), day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
    END LOOP;
END $$;

CREATE TEMP TABLE demo AS
SELECT * FROM (VALUES
    (1, 'glim', 'Glimmerfen Skin Kit', 'Glimmerfen winter, short', 'winter-blast-3', 38.00, 0.22),
    (2, 'k7Qd2Rx', 'Kestmark Credit Check', 'Kestmark: your score is in', 'kestmark-auto', 22.00, 0.18),
    (3, 'meal-now', 'Munterly Meal Box', 'Munterly box, 40 % off 🍲', 'birthday', 31.50, 0.14),
    (4, 'fennick', 'Fennick Phone Plan', 'Fennick unlimited, B', 'reactivate-90d', 27.00, 0.12),
    (5, 'Zp4mW9a', 'Lumbrook Solar Lead', 'Lumbrook roof check', 'partner_411', 64.00, 0.10),
    (6, 'pets', 'Parrowby Pet Cover', 'Parrowby puppy 🐶', 'partner_87', 18.50, 0.09),
    (7, 'sleep', 'Osprelle Sleep Trial', 'Osprelle nights', NULL, 29.00, 0.08),
    (8, 'x9PqLm3', 'Brackwater Auto Quote', 'مرحبا Brackwater', 'Ω "quoted" <b>sub</b>', 12.00, 0.07)
) AS t (place, slug, offer, creative, sub1, payout, share);

INSERT INTO lists (account_id, phone_number, list_name, short_domain_id)
SELECT :account, '+1800555000' || i, (ARRAY['Beauty, US', 'Credit, US', 'Food, US + GB'])[i],
       (SELECT min(id) FROM domains WHERE account_id = :account AND kind = 'short')
FROM generate_series(1, 3) i;
INSERT INTO offers (id, account_id, kind, name, slug, url_template, payout, payout_type)
SELECT lpad(to_hex(:account * 1000 + place), 24, '0'), :account, 'sms', offer, 'demo-' || place,
       'https://go.example.com/' || slug || '?c={click_id}&s1={sub1}', payout, 'cpa'
FROM demo;
INSERT INTO creatives (account_id, name, message, offer_links)
SELECT :account, creative, creative || ': {{link1}} Reply STOP to end.', '[]' FROM demo ORDER BY place;
INSERT INTO links (account_id, domain_id, short_id, list_id, offer_id, creative_id, is_slug)
SELECT :account, (SELECT min(id) FROM domains WHERE account_id = :account AND kind = 'short'), d.slug,
       (SELECT id FROM lists WHERE account_id = :account ORDER BY id OFFSET d.place % 3 LIMIT 1),
       lpad(to_hex(:account * 1000 + d.place), 24, '0'),
       (SELECT id FROM creatives WHERE account_id = :account AND name = d.creative), true
FROM demo d ORDER BY place;

INSERT INTO messages (account_id, message_id, creative_id, list_id, contact_phone, sent_at, link_keys, status, status_at)
SELECT :account, 'demo-' || i, l.creative_id, l.list_id, '+1202' || lpad(i::text, 7, '0'), at, ARRAY[l.id],
       CASE WHEN random() < 0.96 THEN 'delivered' ELSE 'failed' END, at + interval '4 seconds'
FROM (
    SELECT i, 1 + floor(random() * 8)::int AS place,
           now() - random() * interval '15 days' AS at
    FROM generate_series(1, 10000) i
) AS message
JOIN demo d USING (place)
JOIN links l ON l.account_id = :account AND l.short_id = d.slug;

-- Most people click in the afternoon and evening; a third of the candidates are kept.
CREATE TEMP TABLE candidates AS
SELECT date_trunc('milliseconds', now() - random() * interval '15 days') AS at, random() AS dice,
       random() AS second, random() AS third, random() < 0.26 AS is_bot, md5(random()::text) AS random
FROM generate_series(1, 12000);
DELETE FROM candidates
WHERE NOT is_bot AND random() > 0.15 + 0.85 * greatest(0, sin((extract(hour FROM at) - 7) / 24 * 2 * pi()))
   OR is_bot AND extract(hour FROM at)::int % 5 <> 0 AND random() > 0.35;

INSERT INTO clicks
    (click_id, clicked_at, account_id, link_key, link_id, list_id, offer_id, creative_id, visitor, ip,
     country, region, city, device, is_bot, bot_reasons, bot_rules, sub1, source, os, browser, language, asn,
     contact_phone, message_id, user_agent, creative)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3)
        || '8' || substr(random, 4, 15))::uuid,
       at, :account, l.id, l.short_id, l.list_id, l.offer_id, l.creative_id,
       CASE WHEN third < 0.12 THEN md5('again' || floor(second * 400)) ELSE random END, '203.0.113.9',
       CASE WHEN dice < 0.70 THEN 'US' WHEN dice < 0.98 THEN (ARRAY['CA', 'CA', 'GB', 'AU', 'PR', 'MX'])[1 + floor(dice * 100)::int % 6] END,
       CASE WHEN dice < 0.70 THEN 'US-CA' END, CASE WHEN dice < 0.35 THEN 'Los Angeles' END,
       CASE WHEN second < 0.84 THEN 'mobile' WHEN second < 0.93 THEN 'desktop' WHEN second < 0.98 THEN 'tablet' END,
       is_bot,
       CASE WHEN NOT is_bot THEN '{}'
            WHEN third < 0.45 THEN ARRAY['link_preview'] WHEN third < 0.7 THEN ARRAY['datacenter_ip']
            WHEN third < 0.85 THEN ARRAY['ua_bot', 'datacenter_ip'] WHEN third < 0.95 THEN ARRAY['prefetch']
            ELSE ARRAY['ua_missing'] END,
       CASE WHEN is_bot AND third BETWEEN 0.45 AND 0.85 THEN ARRAY['hosting_network'] ELSE '{}' END,
       d.sub1, 'sms', CASE WHEN second < 0.5 THEN 'iOS' ELSE 'Android' END,
       CASE WHEN second < 0.5 THEN 'Mobile Safari' ELSE 'Chrome Mobile' END,
       CASE WHEN dice < 0.8 THEN 'en' ELSE 'es' END, 7000 + floor(dice * 30)::int,
       CASE WHEN third > 0.5 THEN '+1202' || lpad((1 + floor(second * 10000))::text, 7, '0') END,
       CASE WHEN third > 0.5 THEN 'demo-' || (1 + floor(second * 10000)) END,
       'Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X)', NULL
FROM candidates
JOIN LATERAL (
    SELECT * FROM demo WHERE place = 1 + floor(power(candidates.second, 1.5) * 8)::int
) d ON true
JOIN links l ON l.account_id = :account AND l.short_id = d.slug
ORDER BY at;

INSERT INTO conversions
    (conversion_id, converted_at, account_id, source, event, txn_id, dedupe_key, visitor, click_id, link_key,
     link_id, offer_id, message_id, contact_phone, message_key, contact_key, revenue, currency,
     click_window_days, parameters)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
        || substr(md5(click_id::text), 1, 3) || '8' || substr(md5(click_id::text), 4, 15))::uuid,
       at, :account, 'conv', 'sale', 'DEMO-' || place, 't:sale:DEMO-' || place, visitor, click_id, link_key,
       link_id, offer_id, message_id, contact_phone,
       CASE WHEN message_id IS NULL THEN 'l:' || link_key ELSE 'm:' || message_id END,
       CASE WHEN contact_phone IS NULL THEN 'v:' || visitor ELSE 'c:' || contact_phone END,
       payout, 'USD', 90, NULL
FROM (
    SELECT c.*, d.payout, date_trunc('milliseconds', least(c.clicked_at + interval '20 minutes', now())) AS at,
           row_number() OVER (ORDER BY c.clicked_at) AS place
    FROM clicks c JOIN demo d ON d.slug = c.link_id
    WHERE c.account_id = :account AND NOT c.is_bot
) AS click
WHERE place % 25 = 0;

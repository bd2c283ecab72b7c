-- Facts for the report benchmark: :n clicks of one account (:account) over the last
-- 90 days, on a tenth as many links, with message clicks and a conversion for each
-- hundredth click; and the totals of all of them. Nine in ten clicks come from one
-- country; one click in five is a bot's.
\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET work_mem = '256MB';
SELECT setseed(0.5) \g /dev/null

DO $$
DECLARE day date;
BEGIN
    FOR day IN SELECT generate_series(current_date - 91, current_date, interval '1 day') LOOP
        EXECUTE format('CREATE TABLE IF NOT EXISTS clicks_%s PARTITION OF clicks FOR VALUES FROM (%L) TO (%L)',
                       to_char(day, 'YYYYMMDD'), day || ' 00:00:00+00', (day + 1) || ' 00:00:00+00');
    END LOOP;
END $$;

INSERT INTO offers (id, account_id, kind, name, slug, url_template)
SELECT lpad(to_hex(:account * 1000 + i), 24, '0'), :account, 'sms', 'offer ' || i, 'bench-' || i, 'https://e.com/'
FROM generate_series(1, 20) i;
INSERT INTO lists (account_id, phone_number, list_name)
SELECT :account, '+1800555' || lpad(i::text, 4, '0'), 'list ' || i FROM generate_series(2001, 2004) i;
INSERT INTO creatives (account_id, name, message, offer_links)
SELECT :account, 'creative ' || i, '{{link1}}', '[]' FROM generate_series(1, 100) i;

-- A creative has one offer and goes to one list.
CREATE TEMP TABLE creative_targets AS
SELECT c.id AS creative_id, c.place,
       lpad(to_hex(:account * 1000 + 1 + c.place % 20), 24, '0') AS offer_id,
       (SELECT id FROM lists WHERE account_id = :account ORDER BY id OFFSET c.place % 5 LIMIT 1) AS list_id
FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM creatives WHERE account_id = :account) c;
CREATE UNIQUE INDEX ON creative_targets (place);

INSERT INTO links (account_id, domain_id, short_id, list_id, offer_id, creative_id, message_id, contact_phone, placeholder)
SELECT :account, (SELECT min(id) FROM domains WHERE account_id = :account AND kind = 'short'),
       'b' || lpad(i::text, 8, '0'), target.list_id, target.offer_id, target.creative_id,
       'm-' || i, '+1202' || lpad(i::text, 7, '0'), 'link1'
FROM generate_series(1, greatest(:n / 10, 1)) i
JOIN creative_targets target ON target.place = i % 100;
SELECT min(id) AS first_link FROM links WHERE account_id = :account AND short_id LIKE 'b%' \gset

INSERT INTO clicks
    (click_id, clicked_at, account_id, link_key, link_id, list_id, offer_id, creative_id, message_id,
     contact_phone, visitor, ip, country, device, is_bot, bot_reasons, sub1, sub2, source, os, browser,
     language, asn)
SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(random, 1, 3)
        || '8' || substr(random, 4, 15))::uuid,
       at, :account, :first_link + link, 'b' || lpad((link + 1)::text, 8, '0'), target.list_id, target.offer_id,
       target.creative_id, 'm-' || link + 1, '+1202' || lpad((link + 1)::text, 7, '0'), random, '203.0.113.9',
       CASE WHEN dice < 0.9 THEN 'US' ELSE (ARRAY['CA', 'GB', 'DE', 'FR', 'MX', 'AU', 'IN', 'BR'])[1 + floor(dice * 80)::int % 8] END,
       CASE WHEN second_dice < 0.8 THEN 'mobile' WHEN second_dice < 0.95 THEN 'desktop' ELSE 'tablet' END,
       is_bot, CASE WHEN is_bot THEN ARRAY['ua_bot'] ELSE '{}' END,
       'ad-' || floor(dice * 500)::int, 'set-' || floor(second_dice * 40)::int,
       CASE WHEN dice < 0.5 THEN 'sms' ELSE 'push' END,
       CASE WHEN second_dice < 0.5 THEN 'iOS' ELSE 'Android' END,
       CASE WHEN second_dice < 0.5 THEN 'Mobile Safari' ELSE 'Chrome Mobile' END,
       CASE WHEN dice < 0.8 THEN 'en' ELSE 'es' END, 7000 + floor(dice * 300)::int
FROM (
    SELECT date_trunc('milliseconds', now() - random() * interval '90 days') AS at,
           floor(random() * greatest(:n / 10, 1))::bigint AS link,
           random() AS dice, random() AS second_dice, random() < 0.2 AS is_bot,
           md5(random()::text) AS random
    FROM generate_series(1, :n)
    ORDER BY 1
) AS click
JOIN creative_targets target ON target.place = (click.link + 1) % 100;

INSERT INTO message_clicks
    (account_id, message_key, contact_key, click_id, clicked_at, link_key, link_id, list_id, offer_id,
     creative_id, message_id, contact_phone, country, device)
SELECT DISTINCT ON (link_key)
       account_id, 'm:' || message_id, 'c:' || contact_phone, click_id, clicked_at, link_key, link_id,
       list_id, offer_id, creative_id, message_id, contact_phone, country, device
FROM clicks
WHERE account_id = :account AND NOT is_bot
ORDER BY link_key, clicked_at, click_id;

INSERT INTO conversions
    (conversion_id, converted_at, account_id, source, event, dedupe_key, visitor, link_key, message_key,
     contact_key, revenue, currency, click_window_days, attribution, credited_click_id,
     credited_clicked_at, credited_link_key, credited_link_id, credited_list_id, credited_offer_id,
     credited_creative_id, credited_message_id, credited_contact_phone, credited_country, credited_device)
SELECT (substr(click_id::text, 1, 35) || 'f')::uuid, clicked_at, account_id, 'conv', 'sale',
       't:sale:' || click_id, '', link_key, message_key, contact_key, 12.5, 'USD', 90, 'click', click_id,
       clicked_at, link_key, link_id, list_id, offer_id, creative_id, message_id, contact_phone, country,
       device
FROM (SELECT *, row_number() OVER (ORDER BY clicked_at) AS place FROM message_clicks WHERE account_id = :account) m
WHERE place % 10 = 0;

CREATE TEMP TABLE facts AS
SELECT date_bin('15 minutes', clicked_at, 'epoch'::timestamptz) AS bucket, '' AS currency, link_key, offer_id,
       list_id, creative_id, country, device, count(*) AS clicks, 0::bigint AS unique_clicks,
       count(*) FILTER (WHERE is_bot) AS bot_clicks, 0::bigint AS conversions, 0::numeric AS revenue
FROM clicks WHERE account_id = :account
GROUP BY 1, 3, 4, 5, 6, 7, 8
UNION ALL
SELECT date_bin('15 minutes', clicked_at, 'epoch'::timestamptz), '', link_key, offer_id, list_id, creative_id,
       country, device, 0, count(*), 0, 0, 0
FROM message_clicks WHERE account_id = :account
GROUP BY 1, 3, 4, 5, 6, 7, 8
UNION ALL
SELECT date_bin('15 minutes', converted_at, 'epoch'::timestamptz), currency, credited_link_key, credited_offer_id,
       credited_list_id, credited_creative_id, credited_country, credited_device, 0, 0, 0, count(*), sum(revenue)
FROM conversions WHERE account_id = :account
GROUP BY 1, 2, 3, 4, 5, 6, 7, 8;

INSERT INTO link_totals
SELECT :account, link_key, bucket, country, device, currency, 0, 0, sum(clicks), sum(unique_clicks),
       sum(bot_clicks), 0, sum(conversions), sum(revenue)
FROM facts
GROUP BY link_key, bucket, country, device, currency
ORDER BY bucket;

-- The counts of each combination of dimensions, from which all totals are summed.
CREATE TEMP TABLE combinations AS
SELECT bucket, currency, offer_id, list_id, creative_id, country, device, sum(clicks) AS clicks,
       sum(unique_clicks) AS unique_clicks, sum(bot_clicks) AS bot_clicks, sum(conversions) AS conversions,
       sum(revenue) AS revenue
FROM facts
GROUP BY 1, 2, 3, 4, 5, 6, 7;

INSERT INTO totals
    (account_id, span, dimension, bucket, key, currency, offer_id, list_id, creative_id, campaign_id, country,
     device, sends, messages, clicks, unique_clicks, bot_clicks, confirmed_clicks, conversions, revenue)
SELECT :account, s.span, r.dimension, s.bucket, r.key, c.currency, r.offer_id, r.list_id, r.creative_id, NULL,
       r.country, r.device, 0, 0, sum(clicks), sum(unique_clicks), sum(bot_clicks), 0, sum(conversions), sum(revenue)
FROM combinations c
CROSS JOIN LATERAL (VALUES ('quarter', c.bucket), ('day', date_trunc('day', c.bucket, 'UTC'))) AS s (span, bucket)
CROSS JOIN LATERAL (
    VALUES
        ('all', '', NULL, NULL::bigint, NULL::bigint, NULL, NULL),
        ('offer', c.offer_id, c.offer_id, NULL, NULL, NULL, NULL),
        ('list', c.list_id::text, NULL, c.list_id, NULL, NULL, NULL),
        ('creative', c.creative_id::text, NULL, NULL, c.creative_id, NULL, NULL),
        ('campaign', '', NULL, NULL, NULL, NULL, NULL),
        ('country', c.country, NULL, NULL, NULL, c.country, NULL),
        ('device', c.device, NULL, NULL, NULL, NULL, c.device),
        ('content', concat_ws('|', c.offer_id, c.list_id, c.creative_id, ''), c.offer_id, c.list_id, c.creative_id, NULL, NULL),
        ('audience', concat_ws('|', c.country, c.device), NULL, NULL, NULL, c.country, c.device),
        ('cell', concat_ws('|', c.offer_id, c.list_id, c.creative_id, '', c.country, c.device),
         c.offer_id, c.list_id, c.creative_id, c.country, c.device)
) AS r (dimension, key, offer_id, list_id, creative_id, country, device)
GROUP BY s.span, r.dimension, s.bucket, r.key, c.currency, r.offer_id, r.list_id, r.creative_id, r.country, r.device
-- In the order in which a worker inserts them.
ORDER BY s.bucket;

INSERT INTO value_total_days (account_id, day, state)
SELECT DISTINCT :account::bigint, date_trunc('day', bucket, 'UTC'), 'outdated'
FROM combinations;

ANALYZE;

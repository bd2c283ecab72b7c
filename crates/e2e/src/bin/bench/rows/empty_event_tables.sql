TRUNCATE clicks, message_clicks, conversions, totals, link_totals;

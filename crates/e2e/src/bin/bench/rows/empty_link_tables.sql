CREATE TABLE IF NOT EXISTS copied_links (LIKE links INCLUDING ALL);
TRUNCATE links, messages, copied_links;

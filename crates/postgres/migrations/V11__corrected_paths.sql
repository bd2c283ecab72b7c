-- Paths that name a link although they are not quite its own (domain::link_path).

-- How the path that was asked for differs from the link's own.
ALTER TABLE clicks
    ADD COLUMN path_corrections text[] NOT NULL DEFAULT '{}';

-- Whether somebody chose the short id. Case matters in those that were generated: a slug
-- is found in any case. Of links from before it is known by the form alone, so that their
-- slugs of seven letters and digits are found in their own case only.
-- links_slugs_idx is created after this migration, without blocking writers
-- (store::indexes).
ALTER TABLE links
    ADD COLUMN is_slug boolean NOT NULL DEFAULT false;
UPDATE links SET is_slug = true WHERE short_id !~ '^[0-9A-Za-z]{7}$';

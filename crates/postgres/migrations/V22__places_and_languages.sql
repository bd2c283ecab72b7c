-- Where a click came from beside its country, if the redirector's database has it, and the language
-- that its browser asked for.
ALTER TABLE clicks
    ADD COLUMN region text,
    ADD COLUMN city text,
    ADD COLUMN language text;

-- What single clicks cost by their URLs: domain::cost::ClickCostRule.

-- `parameter`, `currency` and `max`. Null is the account's rule for a link, and no costs for an
-- account.
ALTER TABLE accounts ADD COLUMN click_cost jsonb;
ALTER TABLE links ADD COLUMN click_cost jsonb;

-- The amount with its currency, or why the parameter of the click is no cost. `cost` is the text
-- of the parameter of that name.
ALTER TABLE clicks
    ADD COLUMN click_cost numeric,
    ADD COLUMN click_cost_currency text,
    ADD COLUMN click_cost_error text;

-- Clicks with a cost of their own that are not suspected bots', and the sum of these costs, in the
-- rows of its currency. `clicks` counts them as well, in the rows without a currency.
ALTER TABLE totals
    ADD COLUMN costed_clicks integer NOT NULL DEFAULT 0,
    ADD COLUMN click_cost numeric NOT NULL DEFAULT 0;
ALTER TABLE link_totals
    ADD COLUMN costed_clicks integer NOT NULL DEFAULT 0,
    ADD COLUMN click_cost numeric NOT NULL DEFAULT 0;

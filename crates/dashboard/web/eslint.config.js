import svelte from "eslint-plugin-svelte";
import globals from "globals";
import ts from "typescript-eslint";
import svelteConfig from "./svelte.config.js";

/** Local time belongs to the browser; the dashboard shows the account's. */
const localTime = {
  selector:
    "CallExpression[callee.property.name=/^(get|set)(FullYear|Month|Date|Day|Hours|Minutes|Seconds|TimezoneOffset)$/]",
  message: "Only time.ts reads parts of times, in the account's zone.",
};

export default ts.config(
  { ignores: ["dist", "src/lib/api/schema.d.ts"] },
  ...ts.configs.strict,
  ...svelte.configs["flat/recommended"],
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node } },
    rules: {
      "no-restricted-syntax": ["error", localTime],
      eqeqeq: ["error", "smart"],
      "svelte/no-at-html-tags": "error",
      // Addresses are made by address/link.ts, and the router is not SvelteKit's.
      "svelte/no-navigation-without-resolve": "off",
    },
  },
  {
    files: ["**/*.svelte", "**/*.svelte.ts"],
    languageOptions: { parserOptions: { parser: ts.parser, svelteConfig } },
  },
);

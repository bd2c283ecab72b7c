import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig, type Plugin } from "vite";

/** The compressed script that the first screen may load. */
const SCRIPT_BUDGET = 250_000;
const STYLE_BUDGET = 16_000;

/** Writes FILE.br and FILE.gz beside each text file, and fails if the budgets are exceeded. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    closeBundle() {
      let scripts = 0;
      let styles = 0;
      for (const path of filesOf("dist")) {
        if (!/\.(html|js|css|svg|txt)$/.test(path)) continue;
        const bytes = readFileSync(path);
        const brotli = brotliCompressSync(bytes, {
          params: { [constants.BROTLI_PARAM_QUALITY]: 11 },
        });
        writeFileSync(`${path}.br`, brotli);
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
        if (path.endsWith(".js")) scripts += brotli.length;
        if (path.endsWith(".css")) styles += brotli.length;
      }
      if (scripts > SCRIPT_BUDGET) {
        throw new Error(`all scripts have ${scripts} bytes compressed, more than ${SCRIPT_BUDGET}`);
      }
      if (styles > STYLE_BUDGET) {
        throw new Error(`all styles have ${styles} bytes compressed, more than ${STYLE_BUDGET}`);
      }
      console.log(`compressed: ${scripts} bytes of scripts, ${styles} bytes of styles`);
    },
  };
}

function filesOf(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? filesOf(path) : [path];
  });
}

export default defineConfig({
  plugins: [svelte(), compressed()],
  resolve: {
    alias: {
      $lib: new URL("src/lib", import.meta.url).pathname,
      $components: new URL("src/components", import.meta.url).pathname,
    },
  },
  build: {
    target: "es2022",
    // Inlined files would be data: URLs, which the policy allows for images alone.
    assetsInlineLimit: 0,
    // The polyfill is an inline script.
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
  server: { proxy: { "/api": process.env.API_URL ?? "http://127.0.0.1:8080" } },
});

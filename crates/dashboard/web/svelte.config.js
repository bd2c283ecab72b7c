// Styles go to a file: the content security policy allows none in the page.
export default { compilerOptions: { css: "external", runes: true } };

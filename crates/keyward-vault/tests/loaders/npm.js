// Reads a JSON array of dotenv files and prints what `dotenv` of npm makes of each.
const { parse } = require('dotenv');

const files = JSON.parse(require('fs').readFileSync(0, 'utf8'));
console.log(JSON.stringify(files.map((text) => Object.entries(parse(text)))));

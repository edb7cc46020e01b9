// All rules for some customers, one after another: the file that is named has both.
const { Engine } = require('json-rules-engine');
const { rules, customers } = JSON.parse(require('fs').readFileSync(process.argv[1]));

async function main() {
  const engine = new Engine(rules);
  const start = process.hrtime.bigint();
  const results = [];
  for (const customer of customers) results.push(await engine.run(customer));
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  const found = results.map(({ events }) => events.map(({ type }) => Number(type)).sort((a, b) => a - b));
  console.log(JSON.stringify({ seconds, found }));
}

main();

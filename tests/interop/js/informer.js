// The JavaScript client's informers on tarn's read API, held against lists of the API server:
// node informer.js SERVER-KUBECONFIG TARN-KUBECONFIG PORT.
//
// It runs until POST /end on that port. POST /compare waits until each informer has what the server has; then no handler may have been told
// a second add, or of an update or a delete of what is not there.
import http from 'node:http';
import * as k8s from '@kubernetes/client-node';

function configuration(file) {
  const config = new k8s.KubeConfig();
  config.loadFromFile(file);
  return config;
}

const [serverFile, tarnFile, port] = process.argv.slice(2);
const server = configuration(serverFile), tarn = configuration(tarnFile);
const keyOf = o => `${o.metadata.namespace ?? ''}/${o.metadata.name}`;
const sleep = ms => new Promise(done => setTimeout(done, ms));

// What is followed: where, by which selector, and how both sides list it.
const views = [
  { name: 'pods', path: '/api/v1/pods', list: (c, o) => c.makeApiClient(k8s.CoreV1Api).listPodForAllNamespaces(o) },
  { name: 'pods by label', path: '/api/v1/pods', labelSelector: 'app in (a1,a2,a3)',
    list: (c, o) => c.makeApiClient(k8s.CoreV1Api).listPodForAllNamespaces(o) },
  { name: 'configmaps of a namespace', path: '/api/v1/namespaces/alpha/configmaps',
    list: (c, o) => c.makeApiClient(k8s.CoreV1Api).listNamespacedConfigMap({ namespace: 'alpha', ...o }) },
  { name: 'things', path: '/apis/tarn.test/v1/things',
    list: (c, o) => c.makeApiClient(k8s.CustomObjectsApi).listCustomObjectForAllNamespaces({ group: 'tarn.test', version: 'v1', plural: 'things', ...o }) },
];

async function follow(view) {
  const options = view.labelSelector ? { labelSelector: view.labelSelector } : {};
  const there = new Map(), again = new Map();
  view.strange = [];
  view.told = 0;
  view.truth = async () => (await view.list(server, options)).items;
  const informer = k8s.makeInformer(tarn, view.path, () => view.list(tarn, options), view.labelSelector);
  const note = (what, known) => o => {
    view.told++;
    const wrong = `${what} of ${keyOf(o)}, which is ${known ? 'not ' : ''}there`;
    if (what === 'delete' && !there.has(keyOf(o))) again.set(keyOf(o), Number(o.metadata.resourceVersion)); // see recorder.go
    else if (there.has(keyOf(o)) !== known) view.strange.push(wrong);
    if (what === 'add' && again.get(keyOf(o)) + 1 === Number(o.metadata.resourceVersion)) again.delete(keyOf(o));
    if (what === 'delete') there.delete(keyOf(o));
    else there.set(keyOf(o), o.metadata.resourceVersion);
  };
  informer.on('add', note('add', false));
  informer.on('update', note('update', true));
  informer.on('delete', note('delete', true));
  const restart = e => { // as its documentation has it
    console.log(`${view.name}: ${e}`);
    setTimeout(() => informer.start().catch(restart), 200);
  };
  informer.on('error', restart);
  view.informer = informer;
  view.there = there;
  view.again = again;
  await informer.start();
}

// Lists are decoded (dates, another order of keys), events are not.
function plain(o) {
  if (o instanceof Date) return o.toISOString().replace('.000Z', 'Z');
  if (Array.isArray(o)) return o.map(plain);
  if (o === null || typeof o !== 'object') return o;
  return Object.fromEntries(Object.keys(o).sort().map(k => [k, plain(o[k])]));
}
const same = (a, b) => JSON.stringify(plain(a)) === JSON.stringify(plain(b));

// '' if the informer, and what its handlers were told, are what the server has.
async function difference(view) {
  const truth = new Map((await view.truth()).map(o => [keyOf(o), o]));
  for (const o of view.informer.list()) {
    const want = truth.get(keyOf(o));
    if (!want) return `${keyOf(o)} is no more`;
    if (!same(want.metadata, o.metadata)) return `${keyOf(o)}: ${JSON.stringify(o.metadata)} instead of ${JSON.stringify(want.metadata)}`;
    if (view.there.get(keyOf(o)) !== o.metadata.resourceVersion) return `${keyOf(o)}: its handler was told ${view.there.get(keyOf(o))}`;
  }
  if (view.informer.list().length !== truth.size) return `${view.informer.list().length} instead of ${truth.size}`;
  return view.there.size === truth.size ? '' : `its handler knows ${view.there.size} instead of ${truth.size}`;
}

async function compare() {
  const wrong = [], end = Date.now() + 100000; // for all of them
  for (const view of views) {
    let why = 'not compared';
    for (; why !== '' && Date.now() < end;) {
      why = await difference(view).catch(e => String(e));
      if (why !== '') await sleep(100);
    }
    if (why !== '') wrong.push(`${view.name}: ${why}`);
    wrong.push(...view.strange.map(s => `${view.name}: ${s}`), ...[...view.again.keys()].map(k => `${view.name}: delete of ${k}, which is not there`));
  }
  return wrong;
}

await Promise.all(views.map(follow));
http.createServer(async (request, answer) => {
  if (request.url === '/end') {
    answer.end(() => process.exit(0));
    return;
  }
  const wrong = await compare();
  answer.writeHead(wrong.length ? 409 : 200);
  answer.end(wrong.length ? `${wrong.slice(0, 30).join('\n')}\n` : views.map(v => `${v.name}: ${v.informer.list().length} objects after ${v.told} events\n`).join(''));
}).listen(Number(port), '127.0.0.1');

// The JavaScript client of Kubernetes against tarn-apisim: node client.js URL. Prints "N passed, N failed".
//
// What it lists, watches and keeps in its informers must be what the server has: after churn, after its history was
// compacted away under a watch (410), after its connections were cut.
import * as k8s from '@kubernetes/client-node';

const url = process.argv[2];
let passed = 0, failed = 0;

function check(name, good, why = '') {
  if (good) {
    passed++;
  } else {
    failed++;
    console.log(`FAILED ${name} ${why}`);
  }
}

const sleep = ms => new Promise(done => setTimeout(done, ms));

async function eventually(name, condition) {
  let why;
  for (let i = 0; i < 600; i++) {
    why = await condition();
    if (why === '') return check(name, true);
    await sleep(100);
  }
  check(name, false, why);
}

async function control(path, body = {}) {
  const answer = await fetch(`${url}/sim/${path}`, { method: 'POST', body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(`/sim/${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

const config = new k8s.KubeConfig();
config.loadFromOptions({
  clusters: [{ name: 'sim', server: url, skipTLSVerify: true }],
  users: [{ name: 'u' }],
  contexts: [{ name: 'c', cluster: 'sim', user: 'u' }],
  currentContext: 'c',
});
const core = config.makeApiClient(k8s.CoreV1Api);

const keyOf = o => `${o.metadata.namespace}/${o.metadata.name}`;

// '' if the informer has the server's pods, each in the same version; else what differs.
async function difference(informer) {
  const there = new Map((await core.listPodForAllNamespaces()).items.map(p => [keyOf(p), p.metadata.resourceVersion]));
  const here = new Map(informer.list().map(p => [keyOf(p), p.metadata.resourceVersion]));
  for (const [key, version] of there) if (here.get(key) !== version) return `${key}: ${here.get(key)} instead of ${version}`;
  for (const key of here.keys()) if (!there.has(key)) return `${key} is no more`;
  return '';
}

async function lists() {
  const seen = new Set();
  let token;
  do {
    const page = await core.listPodForAllNamespaces({ limit: 70, _continue: token });
    page.items.forEach(p => seen.add(keyOf(p)));
    token = page.metadata._continue;
  } while (token);
  check('pages', seen.size === 300, `${seen.size}`);
  const nodes = (await core.listNode()).items;
  check('nodes', nodes.length === 10, `${nodes.length}`);
  const here = (await core.listPodForAllNamespaces({ fieldSelector: 'spec.nodeName=node-0003' })).items;
  check('field selector', here.length > 0 && here.every(p => p.spec.nodeName === 'node-0003'));
}

async function refused(call) {
  try {
    await call();
    return 0;
  } catch (e) {
    return e.code;
  }
}

async function writes() {
  const body = { metadata: { name: 'js' }, data: { a: '1' } };
  const made = await core.createNamespacedConfigMap({ namespace: 'default', body });
  check('created', made.metadata.uid !== undefined);
  made.data.a = '2';
  await core.replaceNamespacedConfigMap({ name: 'js', namespace: 'default', body: made });
  check('conflict', await refused(() => core.replaceNamespacedConfigMap({ name: 'js', namespace: 'default', body: made })) === 409);
  const objects = k8s.KubernetesObjectApi.makeApiClient(config);
  await objects.patch({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'js', namespace: 'default' }, data: { b: '3' } },
    undefined, undefined, 'js-client', true, k8s.PatchStrategy.ServerSideApply);
  const read = await core.readNamespacedConfigMap({ name: 'js', namespace: 'default' });
  check('applied', read.data.a === '2' && read.data.b === '3', JSON.stringify(read.data));
  check('managed', read.metadata.managedFields.some(f => f.manager === 'js-client' && f.operation === 'Apply'));
  await core.deleteNamespacedConfigMap({ name: 'js', namespace: 'default' });
  check('gone', await refused(() => core.readNamespacedConfigMap({ name: 'js', namespace: 'default' })) === 404);
}

async function informers() {
  const counts = { add: 0, update: 0, delete: 0 };
  const informer = k8s.makeInformer(config, '/api/v1/pods', () => core.listPodForAllNamespaces());
  for (const verb of Object.keys(counts)) informer.on(verb, () => counts[verb]++);
  informer.on('error', () => setTimeout(() => informer.start(), 200)); // as its documentation has it
  await informer.start();
  check('informer began', await difference(informer) === '' && counts.add === 300, JSON.stringify(counts));

  await control('churn', { perSecond: 300 });
  await sleep(3000);
  await control('quiesce');
  await eventually('informer after churn', () => difference(informer));
  check('informer heard', counts.update > 100 && counts.add > 300 && counts.delete > 0, JSON.stringify(counts));

  for (const how of ['end', 'cut']) {
    await control('resume');
    await sleep(500);
    await control('drop-watches', { resource: 'pods', how });
    await sleep(500);
    await control('quiesce');
    await eventually(`informer after its watch was ${how}`, () => difference(informer));
  }

  await control('fault', { kind: 'watch-error', resource: 'pods', count: 2 });
  await control('drop-watches', { resource: 'pods' });
  await control('change', { count: 50 });
  await control('compact', { resource: 'pods' });
  await control('change', { count: 50 });
  await eventually('informer after 410', () => difference(informer));
  await informer.stop();
}

await lists();
await writes();
await informers();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);

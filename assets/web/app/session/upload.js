// Files for an agent: sent to the session's upload folder; what comes back is the path to name in a prompt.
import { at, post } from '../api.js';
import { say, sayError } from '../ui/toast.js';

/** What a request may hold, less what base64 adds. */
const MAX = 8.5 * 1024 * 1024;

/** @param {Blob} file @returns {Promise<string>} */
const base64 = (file) => new Promise((resolve, reject) => {
  const reader = new FileReader();
  reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ''));
  reader.onerror = () => reject(reader.error);
  reader.readAsDataURL(file);
});

/** @param {string} name @param {Iterable<File>} files @returns {Promise<string[]>} the paths */
export async function upload(name, files) {
  const paths = [];
  for (const file of files) {
    if (file.size > MAX) {
      say(`${file.name} is too large.`, { hint: 'At most 8 MB go over this way.', wrong: true });
      continue;
    }
    try {
      const filename = file.name || `pasted.${(file.type.split('/')[1] ?? 'bin').replace(/[^a-z0-9]/g, '')}`;
      const done = /** @type {any} */ (await post(at(name, '/upload'), { filename, dataBase64: await base64(file) }));
      paths.push(done.path);
      say(`${filename} was sent.`);
    } catch (error) {
      sayError(error);
    }
  }
  return paths;
}

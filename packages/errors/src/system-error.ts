/** What to do about an error of the operating system about a file, by its code. */
const REMEDIES: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full; free some space and try again',
  EDQUOT: 'the disk quota is used up; free some space and try again',
  EFBIG: 'the file would be larger than the system allows; raise the limit (ulimit -f)',
  EMFILE: 'this process has too many open files; raise the limit (ulimit -n) or run fewer nodes in a process',
  ENFILE: 'the system has too many open files; close other programs or raise its limit',
  EISDIR: 'this is a folder, but a file is needed; name a file',
  ENOTDIR: 'a part of the path is a file, but a folder is needed; name another path',
  ENOTEMPTY: 'this is a folder that is not empty; name another path',
  EEXIST: 'something with this name already exists; name another path',
  ENOENT: 'there is no such file or folder; check the path',
  EACCES: 'this user has no permission; change the permissions or name another path',
  EPERM: 'this user has no permission; change the permissions or name another path',
  EROFS: 'the file system is read-only; name another path',
  ELOOP: 'the path leads through symbolic links in a circle; name another path',
  ENAMETOOLONG: 'the name is too long; name a shorter path',
  EBUSY: 'the file is in use; close the program that uses it',
  EIO: 'the disk reported an error; check it',
}

/** An error of the operating system, as Node throws it. */
interface SystemError extends Error {
  readonly code: string
  readonly errno: number
  readonly syscall: string
  readonly path?: string
  readonly dest?: string
}

/** Whether this is an error of the operating system about a file, as Node's `fs` throws them. */
export function isFileError(error: unknown): error is SystemError {
  const { code, errno, syscall } = (error ?? {}) as Partial<SystemError>
  return (
    error instanceof Error &&
    typeof errno === 'number' &&
    typeof syscall === 'string' &&
    code !== undefined &&
    Object.hasOwn(REMEDIES, code)
  )
}

/** What is wrong and what to do about it; what the system said follows in brackets. */
export function fileErrorText(error: SystemError): string {
  const { code, syscall, path, dest } = error
  const at = path === undefined ? '' : ` ${path}${dest === undefined ? '' : ` -> ${dest}`}`
  return `${REMEDIES[code]} (${code}: ${syscall}${at})`
}

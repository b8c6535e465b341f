/** When this process is gone, however it ended, the servers in `folder` are ended and the folder is removed. */
export declare function keepFolder(folder: string): void;

/* tarn/tarn.h - everything a program that reads a cluster's state needs: link with -ltarn.
 *
 * client.h   attach, snapshots, waiting         query.h    get, list, by index, selectors
 * object.h   fields of an object                selector.h label and field selectors
 * informer.h adds, updates, deletes              deleted.h  what was deleted, for a while
 */
#ifndef TARN_TARN_H
#define TARN_TARN_H

#include <tarn/bytes.h>
#include <tarn/client.h>
#include <tarn/deleted.h>
#include <tarn/error.h>
#include <tarn/informer.h>
#include <tarn/object.h>
#include <tarn/query.h>
#include <tarn/selector.h>

#endif
